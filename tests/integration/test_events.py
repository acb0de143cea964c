"""Who is told what of a listing's life: watchers, and those whose earlier answer turned out wrong (办法一 Art. 16)."""

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


async def told(pipeline: FeedPipeline, client: str) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, orjson.loads(event.data)) for event in await EventStore(pipeline.engine).after(client, 0)]


async def types(pipeline: FeedPipeline, client: str) -> list[str]:
    return [type_ for type_, _ in await told(pipeline, client)]


async def test_listed_then_removed(pipeline: FeedPipeline) -> None:
    """The platform is told under its own reference, with ground and cause, and without any identifier."""
    await pipeline.feed(record())
    await pipeline.feed(removal())
    (listed, removed) = await told(pipeline, "shop")
    assert (listed[0], removed[0]) == ("listing.listed", "listing.removed")
    assert removed[1]["reference"] == "shop-17"
    assert (removed[1]["cause"], removed[1]["listing"]["document_no"]) == ("removed", "（2026）苏0811执1234号")
    everything = orjson.dumps([listed, removed]).decode()
    assert ORGANISATION not in everything
    assert "云岫" not in everything


async def test_repeated_and_late_deliveries_emit_no_event(pipeline: FeedPipeline) -> None:
    """The same again, and the older word after the newer, change nothing and are not told."""
    await pipeline.feed(record())
    await pipeline.feed(record(), record())
    await pipeline.feed(removal())
    await pipeline.feed(record(), removal())
    assert await types(pipeline, "shop") == ["listing.listed", "listing.removed"]


async def test_event_needs_a_grant(pipeline: FeedPipeline) -> None:
    """A government listing is told to the hall; the shop learns nothing, not even that there is something."""
    await pipeline.feed(record(data_class="government"))
    assert await types(pipeline, "hall") == ["listing.listed"]
    assert await types(pipeline, "shop") == []


async def test_revoked_client_gets_no_event(pipeline: FeedPipeline) -> None:
    """Who may not ask any more is not told any more."""
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
    """Repaired, annulled, changed: the type and the cause say which."""
    await pipeline.feed(record())
    await pipeline.feed(*events)
    type_, data = (await told(pipeline, "shop"))[-1]
    assert (type_, data["cause"]) == (last, cause)


async def test_expiry_emits_an_event(pipeline: FeedPipeline) -> None:
    """A listing that ends by the clock frees its subject: told after the sweep, once."""
    await pipeline.feed(record(determined_on="2023-11-23"))
    await pipeline.advance(hours=13)
    await pipeline.advance(hours=24)
    (_, ended) = await told(pipeline, "shop")
    assert (ended[0], ended[1]["cause"]) == ("listing.removed", "expired")


async def test_correction_to_another_subject_notifies_both(pipeline: FeedPipeline) -> None:
    """It was the wrong company: who watches the one is told of its freeing, who watches the other of the listing."""
    await WatchStore(pipeline.engine).put("shop", {"shop-18": key(OTHER_ORGANISATION)}, [], NOW)
    await pipeline.feed(record())
    await pipeline.feed(record(version=3, subject={"id": OTHER_ORGANISATION}))
    found = [(type_, data["reference"]) for type_, data in await told(pipeline, "shop")]
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
    """Corrected wherever it was given: each client once, with its own decisions; others hear nothing."""
    log = DecisionStore(pipeline.engine, CHAIN)
    await pipeline.feed(record())
    await log.record([decision("dec_1"), decision("dec_2"), decision("dec_3", "hall")])
    await pipeline.feed(OBJECTION)
    assert await types(pipeline, "bidding") == [], "an objection that is open changes nothing"
    await pipeline.feed(UPHELD)
    ((type_, data),) = await told(pipeline, "bidding")
    assert (type_, data["cause"], data["listing"]) == ("decision.corrected", "annulled", COURT)
    assert [item["id"] for item in data["decisions"]] == ["dec_1", "dec_2"]
    assert (await types(pipeline, "hall")).count("decision.corrected") == 1
    assert "decision.corrected" not in await types(pipeline, "shop")


async def test_late_recorded_decision_is_notified(pipeline: FeedPipeline) -> None:
    """The answer went out, then the objection was upheld, then the decision came to the ledger."""
    await pipeline.feed(record(), OBJECTION, UPHELD)
    await DecisionStore(pipeline.engine, CHAIN).record([decision("dec_9")])
    ((type_, data),) = await told(pipeline, "bidding")
    assert (type_, data["decisions"][0]["id"]) == ("decision.corrected", "dec_9")


async def test_expired_listing_revises_no_decision(pipeline: FeedPipeline) -> None:
    """Removal and repair look forward: what was answered before was right."""
    await pipeline.feed(record())
    await DecisionStore(pipeline.engine, CHAIN).record([decision("dec_1")])
    await pipeline.feed(removal())
    assert await types(pipeline, "bidding") == []


async def test_excluded_red_listing_emits_an_event(pipeline: FeedPipeline) -> None:
    """Who relied on the red list learns that it no longer counts (办法一 Art. 4)."""
    red = {"list": "red", "category": "R04", "severity": "unspecified", "authority": "taxation", "record_no": "R-5"}
    await pipeline.feed(record(**red, determined_on="2026-01-05"))
    await pipeline.feed(record())
    found = [(type_, data["cause"], data["listing"]["list"]) for type_, data in await told(pipeline, "shop")]
    assert ("listing.removed", "struck", "red") in found


async def test_events_come_in_one_order_and_resume(pipeline: FeedPipeline) -> None:
    """Ids grow with what became true; asking after one gives exactly the rest."""
    for number in range(5):
        await pipeline.feed(record(record_no=f"N-{number}"))
    book = EventStore(pipeline.engine)
    events: list[ClientEvent] = await book.after("shop", 0)
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    assert [event.id for event in await book.after("shop", ids[2])] == ids[3:]
    assert await book.last_id() >= ids[-1]
    assert orjson.loads(events[0].body())["type"] == "listing.listed"


async def test_watches_store_no_number(pipeline: FeedPipeline) -> None:
    """A reference names one subject, may be pointed at another, and leaves no number in the table."""
    book = WatchStore(pipeline.engine)
    counts = await book.put("shop", {"shop-17": key(OTHER_ORGANISATION)}, ["gone"], NOW)
    assert counts == {"set": 1, "removed": 0, "total": 1}
    await pipeline.feed(record())
    assert await types(pipeline, "shop") == []
    assert [row.reference for row in await book.page("shop", "", 10)] == ["shop-17"]
    assert (await book.put("shop", {}, ["shop-17"], NOW))["total"] == 0
