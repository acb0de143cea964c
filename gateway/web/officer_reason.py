"""The body of a decision that an officer takes: who decides, why, and by which document."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.web.json_body import PRINTABLE, ShortLine, parse_json_as
from gateway.web.problems import ProblemError
from store.platforms.clients import Client


class ReasonRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, and who decides unless the client's registration fixes it."""

    reason: Annotated[str, Meta(min_length=2, max_length=2000, pattern=r"^[^\x00]*$")]
    operator: Annotated[str, Meta(max_length=128, pattern=PRINTABLE)] | None = None


class ReleaseRequest(ReasonRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why, who, and by which document: no release without one (办法一 Art. 20)."""

    document_no: ShortLine


class Reason(Struct, frozen=True):
    """What the ledger records of a decision: operator, reason, and document number where one is required."""

    operator: str
    reason: str
    document_no: str | None = None


def reason_of(body: bytes, client: Client, form: type[ReasonRequest] = ReasonRequest) -> Reason:
    """The reason, the operator, and the document number where ``form`` has one. Raises ``ProblemError``."""
    request = parse_json_as(form, body)
    operator = operator_of(request.operator, client)
    if not request.reason.strip():
        raise ProblemError("request_invalid", "a reason is needed", "需要写明理由", path="$.reason")
    document_no = request.document_no.strip() if isinstance(request, ReleaseRequest) else None
    if document_no == "":
        raise ProblemError("request_invalid", "a document is needed", "需要写明文号", path="$.document_no")
    return Reason(operator, request.reason.strip(), document_no)


def operator_of(given: str | None, client: Client) -> str:
    """The operator as given, or as the client's registration fixes. Raises ``ProblemError``."""
    operator = (given or client.grants.operator or "").strip()
    if not operator:
        raise ProblemError("operator_missing", path="$.operator")
    return operator
