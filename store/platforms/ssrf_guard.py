"""Which webhook addresses may be called: HTTPS on the public Internet only, unless the operator allows more (SSRF)."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

_MAX_URL_CHARS = 2048


def refusal(url: str, *, private_allowed: bool) -> str | None:
    """Why this URL may not be a webhook, or None. The host is not resolved here but by ``OpenInternetResolver``."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "not a URL"
    if len(url) > _MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        return "not a URL"
    if parts.scheme != "https" and not (private_allowed and parts.scheme == "http"):
        return "only https"
    if not parts.hostname or parts.username or parts.password or parts.fragment or port == 0:
        return "a host, and neither a password nor a fragment"
    if not private_allowed and (parts.hostname == "localhost" or _is_private(parts.hostname)):
        return "a private address"
    return None


def _is_private(host: str) -> bool:
    """Whether the host is an IP address that is not public."""
    try:
        return not ip_address(host.strip("[]")).is_global
    except ValueError:
        # A socket takes 127.1, 0x7f000001 and 2130706433 for IP addresses.
        return host.replace(".", "").isdigit() or host.lower().startswith("0x")


class OpenInternetResolver(AbstractResolver):
    """Resolves names to public addresses only, at the moment of the call: a name may change (DNS rebinding)."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of a host. Raises ``OSError`` when it has none."""
        found = [r for r in await self._resolver.resolve(host, port, family) if ip_address(r["host"]).is_global]
        if not found:
            raise OSError("no address of the open Internet")
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()
