"""Locks: look at one, and release it with a reason."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import structlog
from aiohttp import web
from redis.exceptions import RedisError

from gateway.access import Access
from gateway.check_answer import lock_document
from gateway.problems import Problem
from gateway.reason import reason_of
from register.clients import Client
from register.locks import Lock, LockBook
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds

_log = structlog.get_logger("gateway.locks")


@dataclass(frozen=True, slots=True)
class LockHandlers:
    """Shows and releases locks."""

    access: Access
    locks: LockBook
    clock: Callable[[], datetime]

    async def get(self, request: web.Request) -> web.Response:
        """One lock with its history, to the client that holds it or to one that may release."""
        client = await self.access.client_of(request)
        return _answer(await self._visible(request, client))

    async def release(self, request: web.Request) -> web.Response:
        """Release a held lock; the reason and the person stay in the ledger."""
        client = await self.access.client_of(request)
        lock = await self._visible(request, client)
        if not client.grants.release:
            raise Problem("release_not_granted", "missing: release")
        why = reason_of(await request.read(), client)
        now = to_milliseconds(self.clock())
        try:
            released = await self.locks.release(lock.id, client.id, why.operator, why.reason, now)
        except RedisError:
            # Released in the ledger; readers find that out when they next meet the lock.
            _log.warning("release_not_shown", lock=lock.id)
            released = await self.locks.find(lock.id)
        if released is None:
            raise Problem("lock_not_held")
        return _answer(released)

    async def _visible(self, request: web.Request, client: Client) -> Lock:
        lock = await self.locks.find(request.match_info["lock"])
        if lock is None or not (lock.client == client.id or client.grants.release):
            raise Problem("lock_unknown")
        return lock


def _answer(lock: Lock) -> web.Response:
    document: dict[str, Any] = lock_document(lock)
    document["client"] = lock.client
    document["listings"] = len(lock.listings)
    document["history"] = [
        {
            "state": change["state"],
            "at": rfc3339(from_milliseconds(change["changed_at"])),
            "client": change["client"],
            "operator": change["operator"],
            "reason": change["reason"],
        }
        for change in lock.changes
    ]
    return web.Response(
        body=orjson.dumps(document), headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
    )
