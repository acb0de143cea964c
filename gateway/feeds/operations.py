"""Feed operation: the state of feeds, their quarantine, and notices to an authority."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from gateway.web.auth import Authenticator
from gateway.web.officer_reason import reason_of
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import json_response
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from rules.records.departments import Departments
from store.feeds.quarantine import Quarantine
from store.ledger.feed_report import FeedReport
from store.ledger.listing_queries import ListingQueries
from store.platforms.clients import Client

_MAX_NOTICES = 500


@dataclass(frozen=True, slots=True)
class FeedOperationHandlers:
    """Shows the state of feeds; releases or discards quarantined records."""

    authenticator: Authenticator
    departments: Departments
    report: FeedReport
    quarantine: Quarantine
    listings: ListingQueries
    clock: Callable[[], datetime]

    async def get_status(self, request: web.Request) -> web.Response:
        """The state of the feeds that the client may see: its own, or all with ``inspect`` or ``quarantine``."""
        client = await self.authenticator.client_of(request)
        visible = self._visible(client)
        if not visible:
            raise ProblemError("inspect_not_granted", "missing: inspect, or a feed")
        now = self.clock()
        feeds = await self.report.of(visible, to_milliseconds(now))
        return json_response({"as_of": rfc3339(now), "feeds": feeds})

    async def release(self, request: web.Request) -> web.Response:
        """Release the quarantine of a feed: its records are processed."""
        return await self._decide(request, release=True)

    async def discard(self, request: web.Request) -> web.Response:
        """Discard the quarantined records of a feed; the ledger keeps them."""
        return await self._decide(request, release=False)

    async def get_notices(self, request: web.Request) -> web.Response:
        """Notices to an authority: its red listings that a black listing excluded (办法一 Art. 4)."""
        client = await self.authenticator.client_of(request)
        authority = self._authority(request)
        if authority not in self._visible(client):
            raise ProblemError("feed_not_granted", f"missing: feed {authority}")
        after = request.query.get("after", "0")
        if not after.isdecimal() or len(after) > 18:
            raise ProblemError("request_invalid", "after is a number", "after 须为数字", path="after")
        rows = await self.listings.notices_to(authority, int(after), _MAX_NOTICES)
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
        return json_response({"authority": authority, "notices": notices})

    async def _decide(self, request: web.Request, *, release: bool) -> web.Response:
        client = await self.authenticator.client_of(request)
        authority = self._authority(request)
        if not client.grants.quarantine:
            raise ProblemError("quarantine_not_granted", "missing: quarantine")
        decision = reason_of(await read_body(request), client)
        now = self.clock()
        hold = await self.quarantine.decide(
            authority,
            release=release,
            client=client.id,
            operator=decision.operator,
            reason=decision.reason,
            now=to_milliseconds(now),
        )
        if hold is None:
            raise ProblemError("feed_not_held")
        return json_response({"authority": authority, "hold": hold.id, "cause": hold.cause, "state": hold.state})

    def _authority(self, request: web.Request) -> str:
        authority = request.match_info["authority"]
        if self.departments.find(authority) is None:
            raise ProblemError("authority_unknown")
        return authority

    def _visible(self, client: Client) -> frozenset[str]:
        sees_all = client.grants.inspect or client.grants.quarantine
        return frozenset(self.departments.departments) if sees_all else client.grants.feeds
