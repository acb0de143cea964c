"""Looking after feeds: how they do, what is held, and what an authority must be told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from aiohttp import web

from gateway.web.auth import Authenticator
from gateway.web.officer_reason import reason_of
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from rules.records.departments import Departments
from store.feeds.quarantine import Quarantine
from store.ledger.feed_report import FeedReport
from store.ledger.listing_queries import ListingQueries
from store.platforms.clients import Client

_MOST_NOTICES = 500


@dataclass(frozen=True, slots=True)
class FeedOperationHandlers:
    """Shows the state of feeds and decides about held ones."""

    access: Authenticator
    departments: Departments
    overview: FeedReport
    quarantine: Quarantine
    table: ListingQueries
    clock: Callable[[], datetime]

    async def get_status(self, request: web.Request) -> web.Response:
        """The feeds that the client may see: its own, or all with ``inspect``."""
        client = await self.access.client_of(request)
        seen = self._seen(client)
        if not seen:
            raise ProblemError("inspect_not_granted", "missing: inspect, or a feed")
        now = self.clock()
        feeds = await self.overview.of(seen, to_milliseconds(now))
        return _answer({"as_of": rfc3339(now), "feeds": feeds})

    async def release(self, request: web.Request) -> web.Response:
        """Let what is held go its way."""
        return await self._decide(request, release=True)

    async def discard(self, request: web.Request) -> web.Response:
        """Let what is held fall; it stays in the ledger."""
        return await self._decide(request, release=False)

    async def get_notices(self, request: web.Request) -> web.Response:
        """What an authority has to be told: its red listings that a black one struck (办法一 Art. 4)."""
        client = await self.access.client_of(request)
        authority = self._authority(request)
        if authority not in self._seen(client):
            raise ProblemError("feed_not_granted", f"missing: feed {authority}")
        after = request.query.get("after", "0")
        if not after.isdecimal() or len(after) > 18:
            raise ProblemError("request_invalid", "after is a number", "after 须为数字", path="after")
        rows = await self.table.notices_to(authority, int(after), _MOST_NOTICES)
        notices = [
            {
                "number": row.id,
                "at": rfc3339(from_milliseconds(row.created_at)),
                "kind": row.kind,
                "listing": row.listing_key,
                "record_no": row.record_no,
                "cause": row.cause_key,
            }
            for row in rows
        ]
        return _answer({"authority": authority, "notices": notices})

    async def _decide(self, request: web.Request, *, release: bool) -> web.Response:
        client = await self.access.client_of(request)
        authority = self._authority(request)
        if not client.grants.quarantine:
            raise ProblemError("quarantine_not_granted", "missing: quarantine")
        why = reason_of(await read_body(request), client)
        now = self.clock()
        hold = await self.quarantine.decide(
            authority,
            release=release,
            client=client.id,
            operator=why.operator,
            reason=why.reason,
            now=to_milliseconds(now),
        )
        if hold is None:
            raise ProblemError("feed_not_held")
        return _answer({"authority": authority, "hold": hold.id, "cause": hold.cause, "state": hold.state})

    def _authority(self, request: web.Request) -> str:
        authority = request.match_info["authority"]
        if self.departments.find(authority) is None:
            raise ProblemError("authority_unknown")
        return authority

    def _seen(self, client: Client) -> frozenset[str]:
        everything = client.grants.inspect or client.grants.quarantine
        return frozenset(self.departments.departments) if everything else client.grants.feeds


def _answer(document: object) -> web.Response:
    return web.Response(
        body=orjson.dumps(document), headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
    )
