"""The address of a gateway and the key for it, checked when a client is created."""

from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Connection:
    """The address of a gateway, a key for it, the timeout of a call in seconds, and the number of retries."""

    base_url: str
    key: str = field(repr=False)
    timeout: float
    retries: int

    def __post_init__(self) -> None:
        url = httpx.URL(self.base_url)
        if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
            raise ValueError("base_url must be http(s)://host[:port][/path], without user, password or query")
        # Checked here because httpx would put the key into the exception for a header that cannot be sent.
        if not self.key or not all("!" <= character <= "~" for character in self.key):
            raise ValueError("the key must be printable ASCII without spaces")
        if self.timeout <= 0 or self.retries < 0:
            raise ValueError("timeout must be more than 0 seconds, retries 0 or more")

    def settings(self) -> dict[str, Any]:
        """Arguments of a client of httpx."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Accept": "application/json",
            "User-Agent": "creditgate-client",
        }
        return {"base_url": self.base_url, "headers": headers, "timeout": self.timeout}
