"""What is answered. Members that are not named here are ignored, and kept in ``Decision.raw``."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from creditgate_client.faults import GatewayUnavailable, ProblemError
from creditgate_client.locks import Lock
from creditgate_client.questions import Check, OnFailure


class Outcome(StrEnum):
    """What happens to the transaction, from the most lenient to the strictest."""

    FAST_TRACK = "fast_track"
    ALLOW = "allow"
    WARN = "warn"
    REVIEW = "review"
    LOCK = "lock"
    INTERCEPT = "intercept"


_PROCEEDING = frozenset({Outcome.FAST_TRACK, Outcome.ALLOW, Outcome.WARN})
_BLOCKED = frozenset({Outcome.LOCK, Outcome.INTERCEPT})


class Listing(Struct, frozen=True, kw_only=True):
    """One determination in force by one authority."""

    id: str
    list: str
    category: str
    severity: str
    determination: str
    authority: str
    authority_name: str
    document_no: str
    determined_on: str
    valid_until: str | None = None
    basis: str = ""
    objection_open: bool = False
    flags: tuple[str, ...] = ()
    answers_for: str | None = None


class SubjectDecided(Struct, frozen=True, kw_only=True):
    """What holds for one subject, in the order of the request."""

    role: str
    outcome: Outcome
    masked_id: str | None = None
    notes: tuple[str, ...] = ()
    listings: tuple[Listing, ...] = ()


class Measure(Struct, frozen=True, kw_only=True):
    """A measure to carry out, and the document and article it rests on."""

    code: str
    text: str
    text_en: str = ""
    basis: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """What a rule has to say to the person at the counter."""

    rule: str
    zh: str
    en: str = ""


class RemedyPlace(Struct, frozen=True, kw_only=True):
    """An authority with which the subject may object."""

    authority: str
    name: str
    name_en: str = ""
    text: str = ""
    text_en: str = ""


class Remedy(Struct, frozen=True, kw_only=True):
    """How the subject may object, and where. To be shown to whoever is refused."""

    text: str = ""
    text_en: str = ""
    objection_basis: str = ""
    repair_basis: str = ""
    where: tuple[RemedyPlace, ...] = ()


class Unknown(Struct, frozen=True, kw_only=True):
    """Why what is known may not be all: a cause, and the authority whose feed it is, if one."""

    code: str
    authority: str | None = None
    detail: str | None = None


class Ticket(Struct, frozen=True, kw_only=True):
    """A clearance ticket: whoever completes the transaction later has it verified."""

    token: str
    expires_at: str

    def __repr__(self) -> str:
        return f"Ticket(expires_at={self.expires_at!r})"


class AsOf(Struct, frozen=True, kw_only=True):
    """The state of the register that was read."""

    epoch: str
    sequence: int
    read_at: str


class PolicyVersion(Struct, frozen=True, kw_only=True):
    """The policy that decided."""

    pack: str
    version: str
    digest: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """What must happen to the transaction, and why.

    Where the gateway could not decide and the caller had said what then holds, ``from_policy_of_caller`` is true,
    ``cause`` says why, and there is no ``decision_id``: nothing of it is in the ledger.
    """

    decision_id: str | None
    outcome: Outcome
    scene: str | None = None
    transaction_id: str | None = None
    subjects: tuple[SubjectDecided, ...] = ()
    measures: tuple[Measure, ...] = ()
    messages: tuple[Message, ...] = ()
    rules: tuple[str, ...] = ()
    locks: tuple[Lock, ...] = ()
    remedy: Remedy | None = None
    indeterminate: bool = False
    unknown: tuple[Unknown, ...] = ()
    ticket: Ticket | None = None
    feedback_due: str | None = None
    as_of: AsOf | None = None
    policy: PolicyVersion | None = None
    raw: dict[str, Any] = {}
    from_policy_of_caller: bool = False
    cause: str | None = None

    @property
    def may_proceed(self) -> bool:
        """The transaction may go on: fast_track, allow or warn."""
        return self.outcome in _PROCEEDING

    @property
    def blocked(self) -> bool:
        """The transaction may not go on: lock or intercept. A review is neither: a person decides."""
        return self.outcome in _BLOCKED

    def __repr__(self) -> str:
        return f"Decision({self.decision_id!r}, {self.outcome.value!r}, cause={self.cause!r})"


class TicketVerdict(Struct, frozen=True, kw_only=True):
    """Whether a ticket holds for that transaction; ``reason`` says why not."""

    holds: bool
    reason: str | None = None
    decision_id: str | None = None
    expires_at: str | None = None


def decision_from(document: Any) -> Decision:  # noqa: ANN401
    """The decision in an answer. Raises ``msgspec.ValidationError``, also for an outcome that is not known here."""
    decision = msgspec.convert(document, Decision)
    return msgspec.structs.replace(decision, raw=document, from_policy_of_caller=False, cause=None)


def decided_by_caller(check: Check, failure: GatewayUnavailable, on_failure: OnFailure) -> Decision:
    """What the caller said would hold. Raises the failure where it said so."""
    if on_failure is OnFailure.RAISE:
        raise failure
    return Decision(
        decision_id=None,
        outcome=Outcome(on_failure.value),
        scene=check.scene,
        transaction_id=check.transaction_id,
        indeterminate=True,
        unknown=(Unknown(code=failure.code),),
        from_policy_of_caller=True,
        cause=failure.code,
    )


def settled(
    checks: Sequence[Check], found: Sequence[Decision | ProblemError | GatewayUnavailable], on_failure: OnFailure
) -> list[Decision | ProblemError]:
    """Decisions and refusals as they are, and for each failure what the caller said. Raises the first if it said so."""
    return [
        decided_by_caller(check, answer, on_failure) if isinstance(answer, GatewayUnavailable) else answer
        for check, answer in zip(checks, found, strict=True)
    ]
