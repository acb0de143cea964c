"""/v1/locks: read locks, release one with a reason and a document, confirm that a refusal was carried out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.checks.response import lock_document
from gateway.web.auth import Authenticator
from gateway.web.officer_reason import ReasonRequest, ReleaseRequest, reason_of
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import cursor_position, json_response, next_cursor, page_size
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from rules.vocabulary import LockScope
from store.ledger.lock_states import LockState
from store.locks.queries import LockFilter, LockQueries
from store.locks.rows import Lock, LockChangedError
from store.locks.store import LockStore
from store.platforms.clients import Client

_ANY_VERSION = "*"
"""In If-Match: the current version, whichever it is."""
_FILTERS: dict[str, tuple[str, ...] | None] = {
    "state": tuple(LockState),
    "scope": tuple(LockScope),
    "scene": None,
    "overdue": ("true", "false"),
}


@dataclass(frozen=True, slots=True)
class LockHandlers:
    """Shows, releases and confirms locks."""

    authenticator: Authenticator
    locks: LockStore
    queries: LockQueries
    clock: Callable[[], datetime]

    async def get(self, request: web.Request) -> web.Response:
        """One lock with its history, to the client that holds it or to one that may release."""
        client = await self.authenticator.client_of(request)
        return self._response(await self._visible(request, client))

    async def get_many(self, request: web.Request) -> web.Response:
        """A page of locks: the client's own, or all for one that may release."""
        client = await self.authenticator.client_of(request)
        limit, position = page_size(request.query), cursor_position(request.query, int, str)
        wanted = _filter(request.query, None if client.grants.release else client.id)
        now = to_milliseconds(self.clock())
        found = await self.queries.page(wanted, now, position, limit)
        following = next_cursor(found, limit, found[-1].created_at, found[-1].id) if found else None
        return json_response({"locks": [self._document(lock) for lock in found], "next": following})

    async def release(self, request: web.Request) -> web.Response:
        """Release a held lock; the ledger keeps the reason, the document number and the operator."""
        client = await self.authenticator.client_of(request)
        lock = await self._visible(request, client)
        if not client.grants.release:
            raise ProblemError("release_not_granted", "missing: release")
        return await self._end(request, client, lock, LockState.RELEASED, ReleaseRequest)

    async def confirm(self, request: web.Request) -> web.Response:
        """Confirm that the refusal was carried out, which ends the lock."""
        client = await self.authenticator.client_of(request)
        lock = await self._visible(request, client)
        return await self._end(request, client, lock, LockState.CONFIRMED, ReasonRequest)

    async def _end(
        self, request: web.Request, client: Client, lock: Lock, state: LockState, form: type[ReasonRequest]
    ) -> web.Response:
        decision = reason_of(await read_body(request), client, form)
        try:
            ended = await self.locks.end(
                lock.id,
                state,
                client=client.id,
                operator=decision.operator,
                reason=decision.reason,
                document_no=decision.document_no,
                now=to_milliseconds(self.clock()),
                seen=_seen_versions(request),
            )
        except LockChangedError:
            raise ProblemError("lock_changed") from None
        if ended is None:
            raise ProblemError("lock_not_held")
        return self._response(ended)

    async def _visible(self, request: web.Request, client: Client) -> Lock:
        lock = await self.locks.find(request.match_info["lock"])
        if lock is None or not (lock.client == client.id or client.grants.release):
            raise ProblemError("lock_unknown")
        return lock

    def _document(self, lock: Lock) -> dict[str, Any]:
        now = to_milliseconds(self.clock())
        return lock_document(lock) | {
            "client": lock.client,
            "listings": len(lock.listings),
            "due_at": rfc3339(from_milliseconds(lock.due_at)),
            "overdue": lock.state == LockState.HELD and lock.due_at < now,
        }

    def _response(self, lock: Lock) -> web.Response:
        names = ("state", "client", "operator", "reason", "document_no")
        history = [
            {"at": rfc3339(from_milliseconds(change.changed_at))} | {name: getattr(change, name) for name in names}
            for change in lock.changes
        ]
        response = json_response(self._document(lock) | {"history": history})
        response.etag = lock.version
        return response


def _seen_versions(request: web.Request) -> list[str] | None:
    """The versions that the client has seen (RFC 9110, If-Match); None when it accepts any version."""
    tags = request.if_match
    if tags is None or any(tag.value == _ANY_VERSION for tag in tags):
        return None
    return [tag.value for tag in tags if not tag.is_weak]


def _filter(query: Mapping[str, str], client: str | None) -> LockFilter:
    given = {name: query[name] for name in _FILTERS if name in query}
    for name, value in given.items():
        allowed = _FILTERS[name]
        if allowed is not None and value not in allowed:
            raise ProblemError("request_invalid", f"{name}: one of {', '.join(allowed)}", path=name)
    overdue = given.pop("overdue", None)
    state = LockState(given.pop("state")) if "state" in given else None
    return LockFilter(client=client, state=state, overdue=None if overdue is None else overdue == "true", **given)
