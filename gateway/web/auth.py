"""Who calls, and what the caller may do. No route but health is open."""

import asyncio
import base64
import binascii
import hmac
from time import monotonic

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from gateway.web.problems import ProblemError
from store.platforms.clients import Client, ClientStore, hash_key

_REFRESH = 2.0
"""Seconds until a revoked key stops working in this process."""
_SOONEST = 0.5
"""Seconds between looks for a key that is not known yet, so that guessing keys costs the ledger nothing."""
_ASK_BROWSER = 'Basic realm="CreditGate", charset="UTF-8"'
_log = structlog.get_logger("gateway.access")


class Authenticator:
    """The clients of this process, kept in memory and refreshed from the ledger."""

    def __init__(self, registry: ClientStore) -> None:
        self._registry = registry
        self._clients: dict[str, tuple[str, Client]] = {}
        self._looked = -_REFRESH
        self._looking = asyncio.Lock()

    async def keep_fresh(self) -> None:
        """Refresh for as long as the process runs; the last known clients stay while the ledger is away."""
        while True:
            try:
                await self._look()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("clients_not_refreshed", error=type(error).__name__)
            await asyncio.sleep(_REFRESH)

    async def client_of(self, request: web.Request) -> Client:
        """The calling client. Raises ``ProblemError`` 401."""
        return await self.client_with(request.headers.get("Authorization", ""))

    async def client_with(self, authorization: str) -> Client:
        """The client that calls with that ``Authorization``. Raises ``ProblemError`` 401."""
        key = _bearer(authorization)
        if key is None:
            raise ProblemError("key_missing")
        return await self._by_key(key)

    def known(self, authorization: str) -> Client | None:
        """The client of that ``Authorization`` if its key is known here, without waiting."""
        key = _bearer(authorization)
        return None if key is None else self._find(hash_key(key))

    async def reader_of(self, request: web.Request) -> Client:
        """The calling client of a page, where a browser may give the key as the password of HTTP Basic."""
        key = _bearer(request.headers.get("Authorization", "")) or _basic(request)
        try:
            if key is None:
                raise ProblemError("key_missing")
            return await self._by_key(key)
        except ProblemError as problem:
            problem.challenge = _ASK_BROWSER
            raise

    async def _by_key(self, key: str) -> Client:
        key_hash = hash_key(key)
        if key_hash not in self._clients:
            await self._look_again(monotonic())
        client = self._find(key_hash)
        if client is None:
            raise ProblemError("key_unknown")
        return client

    def _find(self, key_hash: str) -> Client | None:
        known, client = self._clients.get(key_hash, ("", None))
        return client if client is not None and hmac.compare_digest(known, key_hash) else None

    async def _look_again(self, asked: float) -> None:
        """Look for a key that may be new; all who wait share one look, and looks keep their distance."""
        async with self._looking:
            if self._looked < asked:
                await asyncio.sleep(self._looked + _SOONEST - asked)
                await self._look()

    async def _look(self) -> None:
        began = monotonic()
        found = await self._registry.by_key_hash()
        self._clients = {key_hash: (key_hash, client) for key_hash, client in found.items()}
        self._looked = began


def _bearer(authorization: str) -> str | None:
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def _basic(request: web.Request) -> str | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, key = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return key or None
