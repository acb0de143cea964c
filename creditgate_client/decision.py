"""Decisions and their parts. Members of a response that are not named here are kept in ``Decision.raw``."""

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
    """The result for one subject, in the order of the request."""

    role: str
    outcome: Outcome
    masked_id: str | None = None
    notes: tuple[str, ...] = ()
    listings: tuple[Listing, ...] = ()


class Measure(Struct, frozen=True, kw_only=True):
    """A measure to carry out, with the document and article that prescribe it."""

    code: str
    text: str
    text_en: str = ""
    basis: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """A message of a rule to the operator."""

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
    """How the subject may object, and where. Show it to a subject that is refused."""

    text: str = ""
    text_en: str = ""
    objection_basis: str = ""
    repair_basis: str = ""
    where: tuple[RemedyPlace, ...] = ()


class Unknown(Struct, frozen=True, kw_only=True):
    """Why the data may be incomplete: a cause, with the authority whose feed is concerned, if any."""

    code: str
    authority: str | None = None
    detail: str | None = None


class Ticket(Struct, frozen=True, kw_only=True):
    """A clearance ticket, to be verified when the transaction is completed later."""

    token: str
    expires_at: str

    def __repr__(self) -> str:
        return f"Ticket(expires_at={self.expires_at!r})"


class AsOf(Struct, frozen=True, kw_only=True):
    """The state of the register on which the decision is based."""

    epoch: str
    sequence: int
    read_at: str


class PolicyVersion(Struct, frozen=True, kw_only=True):
    """The policy pack that the decision is based on."""

    pack: str
    version: str
    digest: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """The outcome for a transaction, and why.

    If the gateway could not decide, the outcome is the caller's ``on_failure``: ``from_policy_of_caller`` is true,
    ``cause`` says why, and there is no ``decision_id``, because the ledger has no record of it.
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
        """The transaction may proceed: fast_track, allow or warn."""
        return self.outcome in _PROCEEDING

    @property
    def blocked(self) -> bool:
        """The transaction must not proceed: lock or intercept. A review is neither: a person decides."""
        return self.outcome in _BLOCKED

    def __repr__(self) -> str:
        return f"Decision({self.decision_id!r}, {self.outcome.value!r}, cause={self.cause!r})"


class TicketVerdict(Struct, frozen=True, kw_only=True):
    """Whether a ticket is valid for the transaction; ``reason`` says why not."""

    holds: bool
    reason: str | None = None
    decision_id: str | None = None
    expires_at: str | None = None


def decision_from(document: Any) -> Decision:  # noqa: ANN401
    """The decision in a response. Raises ``msgspec.ValidationError``, also for an outcome unknown to this client."""
    decision = msgspec.convert(document, Decision)
    return msgspec.structs.replace(decision, raw=document, from_policy_of_caller=False, cause=None)


def decided_by_caller(check: Check, failure: GatewayUnavailable, on_failure: OnFailure) -> Decision:
    """The caller's outcome for a failure. Raises the failure if the caller chose ``RAISE``."""
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
    """The results, with the caller's outcome for each failure. Raises the first failure for ``RAISE``."""
    return [
        decided_by_caller(check, answer, on_failure) if isinstance(answer, GatewayUnavailable) else answer
        for check, answer in zip(checks, found, strict=True)
    ]
