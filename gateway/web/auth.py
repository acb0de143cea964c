"""Authentication by API key: which client calls. Every route but the health routes requires a key."""

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

_REFRESH_INTERVAL_S = 2.0
"""A revoked key stops working in this process within this time."""
_MIN_REFRESH_INTERVAL_S = 0.5
"""Between refreshes that unknown keys cause, so that guessing keys does not load the ledger."""
_BASIC_CHALLENGE = 'Basic realm="CreditGate", charset="UTF-8"'
_log = structlog.get_logger("gateway.access")


class Authenticator:
    """The registered clients, kept in memory and refreshed from the ledger."""

    def __init__(self, client_store: ClientStore) -> None:
        self._client_store = client_store
        self._clients: dict[str, tuple[str, Client]] = {}
        """By the hash of their key, which the value repeats: the comparison must take constant time."""
        self._refreshed_at = -_REFRESH_INTERVAL_S
        self._refreshing = asyncio.Lock()

    async def keep_fresh(self) -> None:
        """Refresh for as long as the process runs; the last known clients stay while the ledger is unavailable."""
        while True:
            try:
                await self._refresh()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("clients_not_refreshed", error=type(error).__name__)
            await asyncio.sleep(_REFRESH_INTERVAL_S)

    async def client_of(self, request: web.Request) -> Client:
        """The calling client. Raises ``ProblemError`` 401."""
        return await self.client_with(request.headers.get("Authorization", ""))

    async def client_with(self, authorization: str) -> Client:
        """The client with that ``Authorization`` header. Raises ``ProblemError`` 401."""
        key = _bearer_key(authorization)
        if key is None:
            raise ProblemError("key_missing")
        return await self._client_by_key(key)

    def known(self, authorization: str) -> Client | None:
        """The client with that ``Authorization`` header if its key is in memory, without waiting."""
        key = _bearer_key(authorization)
        return None if key is None else self._find(hash_key(key))

    async def browser_client_of(self, request: web.Request) -> Client:
        """The calling client of a page, where a browser may send the key as the password of HTTP Basic.

        Raises ``ProblemError`` 401, with which a browser asks for name and password.
        """
        authorization = request.headers.get("Authorization", "")
        key = _bearer_key(authorization) or _basic_key(authorization)
        try:
            if key is None:
                raise ProblemError("key_missing")
            return await self._client_by_key(key)
        except ProblemError as problem:
            problem.challenge = _BASIC_CHALLENGE
            raise

    async def _client_by_key(self, key: str) -> Client:
        key_hash = hash_key(key)
        if key_hash not in self._clients:
            await self._refresh_for_new_key(monotonic())
        client = self._find(key_hash)
        if client is None:
            raise ProblemError("key_unknown")
        return client

    def _find(self, key_hash: str) -> Client | None:
        stored_hash, client = self._clients.get(key_hash, ("", None))
        return client if client is not None and hmac.compare_digest(stored_hash, key_hash) else None

    async def _refresh_for_new_key(self, asked_at: float) -> None:
        """Refresh for a key that may be new; all requests that wait share one refresh."""
        async with self._refreshing:
            if self._refreshed_at < asked_at:
                await asyncio.sleep(self._refreshed_at + _MIN_REFRESH_INTERVAL_S - asked_at)
                await self._refresh()

    async def _refresh(self) -> None:
        began = monotonic()
        found = await self._client_store.by_key_hash()
        self._clients = {key_hash: (key_hash, client) for key_hash, client in found.items()}
        self._refreshed_at = began


def _bearer_key(authorization: str) -> str | None:
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def _basic_key(authorization: str) -> str | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, key = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return key or None
