"""How schemathesis sends lines of JSON, which it does not know by itself."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: Any) -> bytes:  # noqa: ANN401
    """The schema of such a body is a text."""
    return value if isinstance(value, bytes) else str(value).encode()
