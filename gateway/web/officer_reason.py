"""The body of a decision that an officer takes: who decides, why, and by which document."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.web.json_body import parse_json_as
from gateway.web.problems import ProblemError
from store.platforms.clients import Client

_Line = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ReasonRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, and who decides unless the client's registration fixes it."""

    reason: Annotated[str, Meta(min_length=2, max_length=2000, pattern=r"^[^\x00]*$")]
    operator: Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


class ReleaseRequest(ReasonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why, who, and by which document: no release without one (办法一 Art. 20)."""

    document_no: _Line


class Reason(Struct, frozen=True):
    """What the ledger records of a decision: operator, reason, and document number where one is required."""

    operator: str
    reason: str
    document_no: str | None = None


def reason_of(body: bytes, client: Client, form: type[ReasonRequest] = ReasonRequest) -> Reason:
    """The reason, the operator, and the document number where ``form`` has one. Raises ``ProblemError``."""
    asked = parse_json_as(form, body)
    operator = operator_of(asked.operator, client)
    if not asked.reason.strip():
        raise ProblemError("request_invalid", "a reason is needed", "需要写明理由", path="$.reason")
    document_no = asked.document_no.strip() if isinstance(asked, ReleaseRequest) else None
    if document_no == "":
        raise ProblemError("request_invalid", "a document is needed", "需要写明文号", path="$.document_no")
    return Reason(operator, asked.reason.strip(), document_no)


def operator_of(given: str | None, client: Client) -> str:
    """The operator as given, or as the client's registration fixes. Raises ``ProblemError``."""
    operator = (given or client.grants.operator or "").strip()
    if not operator:
        raise ProblemError("operator_missing", path="$.operator")
    return operator
