"""Which addresses may be called: no plain HTTP, and nothing inside the walls, unless the operator allows both."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

_LONGEST = 2048


def refusal(url: str, *, private_allowed: bool) -> str | None:
    """Why this URL may not be a webhook; None when it may, as far as it can be told without asking for its name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "not a URL"
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return "not a URL"
    if parts.scheme != "https" and not (private_allowed and parts.scheme == "http"):
        return "only https"
    if not parts.hostname or parts.username or parts.password or parts.fragment or port == 0:
        return "a host, and neither a password nor a fragment"
    if not private_allowed and (parts.hostname == "localhost" or _is_inside(parts.hostname)):
        return "a private address"
    return None


def _is_inside(host: str) -> bool:
    """Whether it is a literal address that is not one of the open Internet."""
    try:
        return not ip_address(host.strip("[]")).is_global
    except ValueError:
        # 127.1, 0x7f000001 and 2130706433 are addresses to a socket, and to no table of names.
        return host.replace(".", "").isdigit() or host.lower().startswith("0x")


class OpenInternetResolver(AbstractResolver):
    """Resolves names to addresses of the open Internet only, at the moment of the call: a name may change."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises ``OSError`` when it has none that may be called."""
        found = [r for r in await self._resolver.resolve(host, port, family) if ip_address(r["host"]).is_global]
        if not found:
            raise OSError("no address of the open Internet")
        return found

    async def close(self) -> None:
        """Let go of nothing."""
        await self._resolver.close()
