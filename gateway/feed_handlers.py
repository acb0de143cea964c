"""The department's door: deliveries, receipts, and the schema to build against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from aiohttp import web

from config import topics
from gateway.access import Access
from gateway.intake import Judged, judge_delivery
from gateway.metrics import DELIVERED
from gateway.problems import Problem
from register.clients import Client
from register.ledger import Ledger
from register.publisher import Message, Publisher
from rules.admission import AdmissionDesk, Claim
from rules.calendar import civil_day, from_milliseconds, rfc3339, to_milliseconds
from rules.feed_record import feed_record_json, feed_record_schema

_SCHEMA = orjson.dumps(feed_record_schema(), option=orjson.OPT_INDENT_2)


@dataclass(frozen=True, slots=True)
class FeedHandlers:
    """Takes feeds in. ``durable_deadline`` is in seconds."""

    access: Access
    desk: AdmissionDesk
    ledger: Ledger
    publisher: Publisher
    durable_deadline: float
    clock: Callable[[], datetime]

    async def post_records(self, request: web.Request) -> web.Response:
        """Accept a delivery: 202 only once the broker holds every accepted record durably."""
        client = await self.access.client_of(request)
        authority = request.match_info["authority"]
        if self.desk.departments.find(authority) is None:
            raise Problem("authority_unknown")
        _require_feed(client, authority)
        now = self.clock()
        milliseconds = to_milliseconds(now)
        delivery = judge_delivery(
            await request.read(),
            request.content_type,
            authority,
            self.desk,
            today=civil_day(now),
            now=milliseconds,
        )
        results = [judged.result() for judged in delivery]
        accepted = [judged for judged in delivery if isinstance(judged.judged, Claim)]
        DELIVERED.labels(authority, "queued").inc(len(accepted))
        DELIVERED.labels(authority, "rejected").inc(len(delivery) - len(accepted))
        if len(accepted) < len(delivery):
            await self.ledger.count_refused(authority, len(delivery) - len(accepted), milliseconds)
        if not accepted:
            raise Problem("records_refused", results=results)
        receipt = f"rcp_{uuid4().hex}"
        messages = _messages(receipt, accepted, milliseconds)
        await self.publisher.publish(topics.FEEDS, messages, durable_within=self.durable_deadline)
        refused = [result for result in results if result["status"] == "rejected"]
        await self.ledger.open_receipt(receipt, authority, client.id, len(delivery), refused, milliseconds)
        document = _receipt(receipt, authority, rfc3339(now), results)
        location = f"/v1/feeds/receipts/{receipt}"
        return web.Response(status=202, body=orjson.dumps(document), headers=_JSON | {"Location": location})

    async def get_receipt(self, request: web.Request) -> web.Response:
        """What became of a delivery, record by record."""
        client = await self.access.client_of(request)
        found = await self.ledger.receipt(request.match_info["receipt"])
        if found is None or found["authority"] not in client.grants.feeds:
            raise Problem("receipt_unknown")
        created = rfc3339(from_milliseconds(found["created_at"]))
        document = _receipt(found["id"], found["authority"], created, found["results"])
        return web.Response(body=orjson.dumps(document), headers=_JSON)

    async def get_schema(self, request: web.Request) -> web.Response:
        """The JSON Schema of feed record v1."""
        await self.access.reader_of(request)
        if request.match_info["schema"] != "feed-record":
            raise Problem("schema_unknown")
        return web.Response(body=_SCHEMA, headers={"Content-Type": "application/schema+json"})


_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def _require_feed(client: Client, authority: str) -> None:
    if authority not in client.grants.feeds:
        raise Problem("feed_not_granted", f"missing: feed {authority}")


def _messages(receipt: str, accepted: Sequence[Judged], now: int) -> list[Message]:
    messages = []
    for item in accepted:
        assert isinstance(item.judged, Claim)
        headers = [
            (topics.RECEIPT_HEADER, f"{receipt}:{item.index}".encode()),
            (topics.ACCEPTED_HEADER, str(now).encode()),
        ]
        value = feed_record_json(item.judged.record)
        messages.append(Message(item.judged.key.encode(), value, headers))
    return messages


def _receipt(receipt: str, authority: str, created: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = dict.fromkeys(("queued", "applied", "superseded", "rejected", "held", "discarded"), 0)
    for result in results:
        counts[result["status"]] += 1
    return {"receipt": receipt, "authority": authority, "created_at": created, "total": len(results)} | {
        "counts": counts,
        "results": results,
    }
