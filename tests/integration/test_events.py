"""Events of a listing's life: for watchers, and for clients whose earlier answer was wrong (办法一 Art. 16)."""

from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import to_milliseconds
from rules.identity.identifiers import Identifier, parse_identifier
from rules.vocabulary import DataClass
from store.ledger.decisions import DecisionEntry, DecisionStore
from store.platforms.clients import ClientStore, Grants
from store.platforms.outbox import ClientEvent, EventStore
from store.platforms.watches import WatchStore
from tests.integration.feeding import CHAIN, NOON, FeedPipeline
from tests.unit.records import ORGANISATION, OTHER_ORGANISATION, record, removal
from tests.unit.validator import KEYS

NOW = to_milliseconds(NOON)
COURT = KEYS.listing("court", "R-1")
OWN = {"record_no": "R-1", "authority": "court", "version": 2}
OBJECTION = OWN | {"operation": "object", "objection_no": "YY-1", "determined_on": "2026-11-10"}
UPHELD = OWN | {
    "operation": "object_resolve",
    "objection_no": "YY-1",
    "result": "upheld",
    "document_no": "更正1号",
    "determined_on": "2026-11-18",
}
REPAIR = OWN | {
    "operation": "repair",
    "publicity_from": "2026-11-02",
    "document_no": "修复1号",
    "determined_on": "2026-11-02",
}


def key(number: str) -> str:
    found = parse_identifier(number, today=NOON.date())
    assert isinstance(found, Identifier)
    return KEYS.subject(found.canonical)


@pytest.fixture
async def pipeline(redis: "Redis", engine: AsyncEngine) -> FeedPipeline:
    """A shop that sees public data and a hall that sees all; both watch the organisation of the test records."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    registry = ClientStore(engine)
    await registry.add("shop", Grants())
    await registry.add("hall", Grants(classes=frozenset(DataClass)))
    watches = WatchStore(engine)
    for client in ("shop", "hall"):
        counts = await watches.put(client, {f"{client}-17": key(ORGANISATION)}, [], NOW)
        assert counts == {"set": 1, "removed": 0, "total": 1}
    return pipeline


async def emitted(pipeline: FeedPipeline, client: str) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, orjson.loads(event.data)) for event in await EventStore(pipeline.engine).after(client, 0)]


async def types(pipeline: FeedPipeline, client: str) -> list[str]:
    return [type_ for type_, _ in await emitted(pipeline, client)]


async def test_listed_then_removed(pipeline: FeedPipeline) -> None:
    """The event has the platform's own reference, ground and cause, and no identifier."""
    await pipeline.feed(record())
    await pipeline.feed(removal())
    (listed, removed) = await emitted(pipeline, "shop")
    assert (listed[0], removed[0]) == ("listing.listed", "listing.removed")
    assert removed[1]["reference"] == "shop-17"
    assert (removed[1]["cause"], removed[1]["listing"]["document_no"]) == ("removed", "（2026）苏0811执1234号")
    everything = orjson.dumps([listed, removed]).decode()
    assert ORGANISATION not in everything
    assert "云岫" not in everything


async def test_repeated_and_late_deliveries_emit_no_event(pipeline: FeedPipeline) -> None:
    """A repetition, and an older version after a newer one, change nothing and emit no event."""
    await pipeline.feed(record())
    await pipeline.feed(record(), record())
    await pipeline.feed(removal())
    await pipeline.feed(record(), removal())
    assert await types(pipeline, "shop") == ["listing.listed", "listing.removed"]


async def test_event_needs_a_grant(pipeline: FeedPipeline) -> None:
    """A government listing emits an event for the hall and none for the shop, not even a redacted one."""
    await pipeline.feed(record(data_class="government"))
    assert await types(pipeline, "hall") == ["listing.listed"]
    assert await types(pipeline, "shop") == []


async def test_revoked_client_gets_no_event(pipeline: FeedPipeline) -> None:
    """A client that may no longer check gets no events either."""
    await ClientStore(pipeline.engine).revoke("shop")
    await pipeline.feed(record())
    assert await types(pipeline, "shop") == []


@pytest.mark.parametrize(
    ("events", "last", "cause"),
    [
        ([REPAIR], "listing.repaired", "repaired"),
        ([OBJECTION, UPHELD], "listing.removed", "annulled"),
        ([record(severity="serious", version=3, valid_until="2027-08-12")], "listing.changed", "corrected"),
    ],
)
async def test_each_end_has_its_type_and_cause(
    pipeline: FeedPipeline, events: list[dict[str, Any]], last: str, cause: str
) -> None:
    """Repair, annulment and change differ by type and cause."""
    await pipeline.feed(record())
    await pipeline.feed(*events)
    type_, data = (await emitted(pipeline, "shop"))[-1]
    assert (type_, data["cause"]) == (last, cause)


async def test_expiry_emits_an_event(pipeline: FeedPipeline) -> None:
    """A listing that expires emits one event, after the sweep."""
    await pipeline.feed(record(determined_on="2023-11-23"))
    await pipeline.advance(hours=13)
    await pipeline.advance(hours=24)
    (_, ended) = await emitted(pipeline, "shop")
    assert (ended[0], ended[1]["cause"]) == ("listing.removed", "expired")


async def test_correction_to_another_subject_notifies_both(pipeline: FeedPipeline) -> None:
    """The wrong company was listed: its watcher gets a removal, the watcher of the right one a listing."""
    await WatchStore(pipeline.engine).put("shop", {"shop-18": key(OTHER_ORGANISATION)}, [], NOW)
    await pipeline.feed(record())
    await pipeline.feed(record(version=3, subject={"id": OTHER_ORGANISATION}))
    found = [(type_, data["reference"]) for type_, data in await emitted(pipeline, "shop")]
    assert found == [
        ("listing.listed", "shop-17"),
        ("listing.removed", "shop-17"),
        ("listing.listed", "shop-18"),
    ]


def decision(name: str, client: str = "bidding") -> DecisionEntry:
    return DecisionEntry(
        name, NOW, client, "o", "p", "bidding.qualification", "T-9", "intercept", b"{}", None, (COURT,)
    )


async def test_upheld_objection_notifies_every_affected_decision(pipeline: FeedPipeline) -> None:
    """Each client that got the answer is notified once, of its own decisions; others get no event."""
    log = DecisionStore(pipeline.engine, CHAIN)
    await pipeline.feed(record())
    await log.record([decision("dec_1"), decision("dec_2"), decision("dec_3", "hall")])
    await pipeline.feed(OBJECTION)
    assert await types(pipeline, "bidding") == [], "an objection that is open changes nothing"
    await pipeline.feed(UPHELD)
    ((type_, data),) = await emitted(pipeline, "bidding")
    assert (type_, data["cause"], data["listing"]) == ("decision.corrected", "annulled", COURT)
    assert [item["id"] for item in data["decisions"]] == ["dec_1", "dec_2"]
    assert (await types(pipeline, "hall")).count("decision.corrected") == 1
    assert "decision.corrected" not in await types(pipeline, "shop")


async def test_late_recorded_decision_is_notified(pipeline: FeedPipeline) -> None:
    """The decision reaches the ledger only after the objection was upheld."""
    await pipeline.feed(record(), OBJECTION, UPHELD)
    await DecisionStore(pipeline.engine, CHAIN).record([decision("dec_9")])
    ((type_, data),) = await emitted(pipeline, "bidding")
    assert (type_, data["decisions"][0]["id"]) == ("decision.corrected", "dec_9")


async def test_expired_listing_revises_no_decision(pipeline: FeedPipeline) -> None:
    """Removal and repair do not act backwards: earlier answers were right."""
    await pipeline.feed(record())
    await DecisionStore(pipeline.engine, CHAIN).record([decision("dec_1")])
    await pipeline.feed(removal())
    assert await types(pipeline, "bidding") == []


async def test_excluded_red_listing_emits_an_event(pipeline: FeedPipeline) -> None:
    """Watchers of the red listing learn that it no longer counts (办法一 Art. 4)."""
    red = {"list": "red", "category": "R04", "severity": "unspecified", "authority": "taxation", "record_no": "R-5"}
    await pipeline.feed(record(**red, determined_on="2026-01-05"))
    await pipeline.feed(record())
    found = [(type_, data["cause"], data["listing"]["list"]) for type_, data in await emitted(pipeline, "shop")]
    assert ("listing.removed", "struck", "red") in found


async def test_events_come_in_one_order_and_resume(pipeline: FeedPipeline) -> None:
    """IDs grow in the order of events; reading after an ID gives exactly the later ones."""
    for number in range(5):
        await pipeline.feed(record(record_no=f"N-{number}"))
    store = EventStore(pipeline.engine)
    events: list[ClientEvent] = await store.after("shop", 0)
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    assert [event.id for event in await store.after("shop", ids[2])] == ids[3:]
    assert await store.last_id() >= ids[-1]
    assert orjson.loads(events[0].body())["type"] == "listing.listed"


async def test_watches_store_no_number(pipeline: FeedPipeline) -> None:
    """A reference names one subject, can be moved to another, and leaves no identifier in the table."""
    store = WatchStore(pipeline.engine)
    counts = await store.put("shop", {"shop-17": key(OTHER_ORGANISATION)}, ["gone"], NOW)
    assert counts == {"set": 1, "removed": 0, "total": 1}
    await pipeline.feed(record())
    assert await types(pipeline, "shop") == []
    assert [row.reference for row in await store.page("shop", "", 10)] == ["shop-17"]
    assert (await store.put("shop", {}, ["shop-17"], NOW))["total"] == 0
