"""What schemathesis does not know by itself: how lines of JSON are sent."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: Any) -> bytes:  # noqa: ANN401
    """The schema of such a body is a text."""
    return value if isinstance(value, bytes) else str(value).encode()
