"""Deliveries of records, their receipts, and the JSON Schema of a record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from gateway.feeds.delivery import validate_delivery
from gateway.feeds.publish import FeedPublisher
from gateway.web.auth import Authenticator
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import json_response
from rules.admission.validator import RecordValidator
from rules.calendar import civil_day, from_milliseconds, rfc3339, to_milliseconds
from rules.records.feed_record import feed_record_schema
from store.ledger.receipts import ReceiptStore
from store.platforms.clients import Client

_SCHEMA = orjson.dumps(feed_record_schema(), option=orjson.OPT_INDENT_2)


@dataclass(frozen=True, slots=True)
class FeedHandlers:
    """Receives deliveries."""

    authenticator: Authenticator
    validator: RecordValidator
    receipts: ReceiptStore
    feed_publisher: FeedPublisher
    clock: Callable[[], datetime]

    async def post_records(self, request: web.Request) -> web.Response:
        """Accept a delivery: 202 only once the broker holds every accepted record durably."""
        client = await self.authenticator.client_of(request)
        authority = fed_authority(request, client, self.validator)
        now = self.clock()
        delivery = validate_delivery(
            await read_body(request),
            request.content_type,
            authority,
            self.validator,
            today=civil_day(now),
            now=to_milliseconds(now),
        )
        receipt, results = await self.feed_publisher.publish(client.id, authority, delivery)
        if receipt is None:
            raise ProblemError("records_refused", results=results)
        document = _receipt(receipt, authority, rfc3339(now), results)
        location = f"/v1/feeds/receipts/{receipt}"
        return json_response(document, status=202, headers={"Location": location})

    async def get_receipt(self, request: web.Request) -> web.Response:
        """The result of each record of a delivery."""
        client = await self.authenticator.client_of(request)
        found = await self.receipts.find(request.match_info["receipt"])
        if found is None or found.authority not in client.grants.feeds:
            raise ProblemError("receipt_unknown")
        created = rfc3339(from_milliseconds(found.created_at))
        document = _receipt(found.id, found.authority, created, found.results)
        return json_response(document)

    async def get_schema(self, request: web.Request) -> web.Response:
        """The JSON Schema of feed record v1."""
        await self.authenticator.browser_client_of(request)
        if request.match_info["schema"] != "feed-record":
            raise ProblemError("schema_unknown")
        return web.Response(body=_SCHEMA, headers={"Content-Type": "application/schema+json"})


def fed_authority(request: web.Request, client: Client, validator: RecordValidator) -> str:
    """The authority in the path, for which the client may feed. Raises ``ProblemError`` 403 or 404."""
    authority = request.match_info["authority"]
    if validator.departments.find(authority) is None:
        raise ProblemError("authority_unknown")
    if authority not in client.grants.feeds:
        raise ProblemError("feed_not_granted", f"missing: feed {authority}")
    return authority


def _receipt(receipt: str, authority: str, created: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = dict.fromkeys(("queued", "applied", "superseded", "rejected", "held", "discarded"), 0)
    for result in results:
        counts[result["status"]] += 1
    return {"receipt": receipt, "authority": authority, "created_at": created, "total": len(results)} | {
        "counts": counts,
        "results": results,
    }
