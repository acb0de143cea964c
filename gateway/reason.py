"""The body of a decision that a person takes: who, and why."""

from typing import Annotated

import msgspec
import orjson
from msgspec import Meta, Struct

from gateway.problems import Problem
from register.clients import Client


class ReasonAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, and who decides unless the client's registration fixes it."""

    reason: Annotated[str, Meta(min_length=2, max_length=2000, pattern=r"^[^\x00]*$")]
    operator: Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


class Reason(Struct, frozen=True):
    """What goes into the ledger."""

    operator: str
    reason: str


def reason_of(body: bytes, client: Client) -> Reason:
    """The reason and the person. Raises ``Problem``."""
    asked = _asked(body)
    operator = (asked.operator or client.grants.operator or "").strip()
    if not operator:
        raise Problem("operator_missing", path="$.operator")
    if not asked.reason.strip():
        raise Problem("request_invalid", "a reason is needed", "需要写明理由", path="$.reason")
    return Reason(operator, asked.reason.strip())


def _asked(body: bytes) -> ReasonAsked:
    try:
        return msgspec.convert(orjson.loads(body), ReasonAsked)
    except orjson.JSONDecodeError as error:
        raise Problem("json_invalid", f"line {error.lineno}, column {error.colno}") from None
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `")
        raise Problem("request_invalid", detail, path=path.rstrip("`") or "$") from None
