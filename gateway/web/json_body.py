"""JSON request bodies: parse one, or refuse it with a problem that says what is wrong and where."""

from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
import orjson
from msgspec import Meta

from gateway.web.problems import ProblemError

T = TypeVar("T")
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: PostgreSQL stores no NUL, and no name or document number has a line break."""
ShortLine = Annotated[str, Meta(min_length=1, max_length=128, pattern=PRINTABLE)]


class FieldFault(NamedTuple):
    """What msgspec says is wrong, and the JSON path of the field; an empty path is the document itself."""

    detail: str
    path: str

    @classmethod
    def of(cls, error: msgspec.ValidationError) -> "FieldFault":
        """The two parts of msgspec's message."""
        detail, _, path = str(error).partition(" - at `")
        return cls(detail, path.rstrip("`"))

    def problem(self) -> ProblemError:
        """The fault as a ``request_invalid`` problem."""
        return ProblemError("request_invalid", self.detail, path=self.path or "$")


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value of a JSON body. Raises ``ProblemError`` (``json_invalid``) with line and column."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError("json_invalid", f"line {error.lineno}, column {error.colno}") from None


def parse_json_as(form: type[T], body: bytes) -> T:
    """A JSON body as one of our forms. Raises ``ProblemError`` (``json_invalid``, ``request_invalid``)."""
    value = parse_json(body)
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        raise FieldFault.of(error).problem() from None


def decode_json(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """The same in one pass, for large or frequent bodies. Raises ``ValidationError`` of msgspec for a wrong field.

    Raises ``ProblemError`` (``json_invalid``) for what is no JSON.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        parse_json(bytes(body))
        raise ProblemError("json_invalid") from None  # orjson accepts it and msgspec does not
