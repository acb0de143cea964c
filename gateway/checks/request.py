"""From the bytes of a request to a check: operator, purpose, transaction, parties. What is unclear is a 4xx."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.web.json_body import PRINTABLE, FieldFault, ShortLine, decode_json
from gateway.web.problems import ProblemError
from rules.identity.identifiers import InvalidIdentifierError, parse_identifier
from rules.policy.condition import Transaction
from rules.policy.matching import Party
from rules.policy.pack import Policy
from rules.vocabulary import Role
from store.platforms.clients import Client


class SubjectRequest(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One subject as the caller gives it."""

    role: Role
    id: Annotated[str, Meta(max_length=64)] | None = None
    id_type: str | None = None
    name: Annotated[str, Meta(max_length=256)] | None = None


class CheckRequest(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The body of ``POST /v1/checks``."""

    scene: ShortLine
    transaction_id: ShortLine
    subjects: Annotated[tuple[SubjectRequest, ...], Meta(max_length=100)] = ()
    account_id: ShortLine | None = None
    operator: Annotated[str, Meta(max_length=128, pattern=PRINTABLE)] | None = None
    purpose: Annotated[str, Meta(max_length=256, pattern=PRINTABLE)] | None = None
    amount: Annotated[float, Meta(ge=0, le=1e15)] | None = None
    """In yuan; required where a rule of the scene depends on it."""
    region: Annotated[str, Meta(pattern=r"^[0-9]{6}$")] | None = None
    """Of the transaction, a code of GB/T 2260."""
    max_staleness_ms: Annotated[int, Meta(ge=1, le=604_800_000)] | None = None
    """How old the register may be, if less than the scene allows."""
    ticket: bool = False
    """Whether an answer that lets the transaction pass carries a clearance ticket."""


class Check(Struct, frozen=True, gc=False):
    """One valid check, with the operator and purpose filled in from the client's registration."""

    scene: str
    transaction_id: str
    account_id: str | None
    operator: str
    purpose: str
    parties: tuple[Party, ...]
    amount: float | None = None
    region: str | None = None
    max_staleness_ms: int | None = None
    ticket: bool = False

    @property
    def transaction(self) -> Transaction:
        """What rules may test of the transaction."""
        return Transaction(self.scene, self.amount, self.region)


_decoder = msgspec.json.Decoder(CheckRequest)


def check_request_from(body: bytes | msgspec.Raw) -> CheckRequest:
    """The request in a body. Raises ``ProblemError`` saying what is wrong and where."""
    try:
        return decode_json(_decoder, body)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


def check_from(request: CheckRequest, client: Client, policy: Policy, today: date) -> Check:
    """The check of a client. Raises ``ProblemError`` saying what is wrong and where."""
    if request.scene not in policy.pack.scenes:
        raise ProblemError("scene_unknown", f"scenes: {', '.join(sorted(policy.pack.scenes))}", path="$.scene")
    if not client.grants.may_check(request.scene):
        raise ProblemError("scene_not_granted", f"missing: scene {request.scene}")
    operator = (request.operator or client.grants.operator or "").strip()
    purpose = (request.purpose or client.grants.purpose or "").strip()
    if not operator:
        raise ProblemError("operator_missing", path="$.operator")
    if not purpose:
        raise ProblemError("purpose_missing", path="$.purpose")
    if not request.subjects:
        raise ProblemError("subject_missing", path="$.subjects")
    for fact in policy.facts_needed[request.scene]:
        if getattr(request, fact) is None:
            raise ProblemError(f"{fact}_missing", path=f"$.{fact}")
    parties = tuple([_party(subject, index, today) for index, subject in enumerate(request.subjects)])
    return Check(
        request.scene,
        request.transaction_id,
        request.account_id,
        operator,
        purpose,
        parties,
        request.amount,
        request.region,
        request.max_staleness_ms,
        request.ticket,
    )


def _party(subject: SubjectRequest, index: int, today: date) -> Party:
    path = f"$.subjects[{index}]"
    name = subject.name.strip() if subject.name else None
    if not (subject.id and subject.id.strip()):
        if not name:
            raise ProblemError("subject_unidentified", path=path)
        return Party(subject.role, None, name)
    try:
        number = parse_identifier(subject.id, subject.id_type, today=today)
    except InvalidIdentifierError as fault:
        raise identifier_problem(fault, f"{path}.id") from None
    return Party(subject.role, number, name or None)


def identifier_problem(fault: InvalidIdentifierError, path: str) -> ProblemError:
    """What is wrong with an identifier, without repeating it."""
    return ProblemError("identifier_invalid", fault.text.en.strip(), fault.text.zh, path=path, reason=fault.code)


def _invalid(error: msgspec.ValidationError) -> ProblemError:
    """Where and why. The library quotes values only of enums; those messages are replaced."""
    fault = FieldFault.of(error)
    if fault.detail.startswith("Invalid enum value"):
        allowed = f"must be one of: {', '.join(Role)}"
        fault = fault._replace(detail=allowed if fault.path.endswith("role") else "is not one of the allowed values")
    return fault.problem()
