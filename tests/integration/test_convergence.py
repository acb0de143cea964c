"""The same events end in the same register, whatever their order, batches, repetitions and crashes."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import redis.asyncio as redis_client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from config.topics import ACCEPTED_HEADER, RECEIPT_HEADER
from rules.calendar import civil_day, to_milliseconds
from store.db.engine import connect
from store.db.schema import listings
from store.register.verify import Verification
from streams.consumed_record import ConsumedRecord
from tests.integration.feeding import NOON, FeedPipeline
from tests.integration.valkey_server import ValkeyServer
from tests.unit.records import ORGANISATION, OTHER_ORGANISATION, PERSON, record

DAYS = st.sampled_from(["2026-07-01", "2026-08-12", "2026-09-30", "2026-11-16", "2026-11-22"])
VERSIONS = st.one_of(st.none(), st.integers(1, 4))
NUMBERS = st.sampled_from(["R-1", "R-2", "R-3"])
PEOPLE = st.sampled_from([[], [{"role": "legal_representative", "name": "江云舟", "id": PERSON}]])


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """One event of the court or of the taxation bureau about one of three listings of two companies."""
    authority = draw(st.sampled_from(["court", "taxation"]))
    number, day, version = draw(NUMBERS), draw(DAYS), draw(VERSIONS)
    act: dict[str, Any] = {"record_no": number, "authority": authority, "determined_on": day}
    act |= {} if version is None else {"version": version}
    match draw(st.sampled_from(["list", "list", "correct", "remove", "repair", "object", "resolve", "archive"])):
        case "list" | "correct" as operation:
            return _listing(draw, operation, act)
        case "object":
            concerns = draw(st.sampled_from(["listing", "repair"]))
            return act | {"operation": "object", "objection_no": "O-1", "concerns": concerns}
        case "resolve":
            result = draw(st.sampled_from(["upheld", "rejected"]))
            return act | {"operation": "object_resolve", "objection_no": "O-1", "document_no": "D", "result": result}
        case "repair":
            return act | {"operation": "repair", "document_no": "D", "publicity_from": day}
        case operation:
            return act | {"operation": operation, "document_no": "D"}


def _listing(draw: st.DrawFn, operation: str, act: dict[str, Any]) -> dict[str, Any]:
    red = act["authority"] == "taxation" and draw(st.booleans())
    category = "R01" if red else {"court": "C07", "taxation": "C04"}[act["authority"]]
    value = record(subject={"id": draw(st.sampled_from([ORGANISATION, OTHER_ORGANISATION]))})
    value |= {"list": "red" if red else "black", "category": category, "responsible_persons": draw(PEOPLE)}
    value |= {"severity": "unspecified" if red else draw(st.sampled_from(["severe", "general", "serious"]))}
    value.pop("version")
    corrected = {"corrected_on": draw(DAYS), "correction_document_no": "D-2"} if operation == "correct" else {}
    return value | act | {"operation": operation} | corrected


History = tuple[list[dict[str, Any]], list[list[int]], list[str]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Events in their order; another delivery of them in batches; the fate of each batch."""
    happened = draw(st.lists(events(), min_size=2, max_size=12))
    indices = list(range(len(happened)))
    again = draw(st.lists(st.sampled_from(indices), max_size=4))
    order = draw(st.permutations(indices + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    batches = [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True) if start < end]
    fates = st.sampled_from(["well", "well", "crash before the register", "register lost", "restart"])
    return happened, batches, draw(st.lists(fates, min_size=len(batches), max_size=len(batches)))


class Deployment:
    """An empty ledger and an emptied register."""

    def __init__(self, url: str, ledger: Path) -> None:
        self.redis = redis_client.from_url(url)
        self.engine = connect(f"sqlite+aiosqlite:///{ledger}")
        self.pipeline = FeedPipeline(self.redis, self.engine)

    async def start(self) -> None:
        await self.redis.flushall()
        await self.pipeline.recovery.ensure_loaded()

    async def deliver(self, batch: Sequence[ConsumedRecord], fate: str) -> None:
        """Process one batch with its fate; a batch that was not acknowledged is delivered again."""
        if fate == "crash before the register":
            arrivals = [arrival for one in batch for arrival in self.pipeline.processor.validator.arrivals(one)]
            await self.pipeline.ledger.record(arrivals, to_milliseconds(self.pipeline.now))
        if fate == "register lost":
            await self.redis.flushall()
        if fate in ("restart", "crash before the register"):
            self.pipeline = FeedPipeline(self.redis, self.engine)
            await self.pipeline.recovery.ensure_loaded()
        await self.pipeline.processor.process(batch)

    async def end(self) -> tuple[list[dict[str, Any]], str]:
        """The rows without the ledger's serial numbers, and the register's digest, which must agree with them."""
        await self.pipeline.keep_up()
        async with self.engine.connect() as connection:
            # A person who was named in between leaves an empty row behind, which does not affect the register.
            standing = listings.c.origin_key.is_(None) | listings.c.listing.is_not(None)
            found = await connection.execute(select(listings).where(standing).order_by(listings.c.key))
            rows = [{name: row[name] for name in row if name != "version"} for row in found.mappings()]
        proof = await Verification(self.engine, self.redis, self.pipeline.listing_store).run(
            civil_day(self.pipeline.now), pause=0.01
        )
        assert proof.clean, proof.examples
        await self.redis.aclose()
        await self.engine.dispose()
        return rows, proof.register.digest


def message(number: int, value: dict[str, Any]) -> ConsumedRecord:
    """The event as the gateway publishes it: with its authority and time of receipt."""
    accepted = to_milliseconds(NOON) - 1_000_000 + number
    headers = [(RECEIPT_HEADER, f"rcp_c:{number}".encode()), (ACCEPTED_HEADER, str(accepted).encode())]
    return ConsumedRecord("credit.feeds", 0, number, NOON.timestamp(), None, orjson.dumps(value), headers)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_every_delivery_ends_in_the_same_register(
    valkey: ValkeyServer, empty_ledger: Path, tmp_path: Path, history: History
) -> None:
    """The rows and register equal those of a delivery in order, each event once and without failure, and agree."""
    happened, batches, fates = history
    messages = [message(number, value) for number, value in enumerate(happened)]

    async def run(name: str, deliveries: list[tuple[list[ConsumedRecord], str]]) -> Any:  # noqa: ANN401
        ledger = tmp_path / name
        shutil.copy(empty_ledger, ledger)
        for extra in ("-wal", "-shm"):
            ledger.with_name(name + extra).unlink(missing_ok=True)
        deployment = Deployment(valkey.url, ledger)
        await deployment.start()
        for batch, fate in deliveries:
            await deployment.deliver(batch, fate)
        return await deployment.end()

    in_order = asyncio.run(run("in-order", [([one], "well") for one in messages]))
    other = [([messages[index] for index in batch], fate) for batch, fate in zip(batches, fates, strict=True)]
    assert asyncio.run(run("other", other)) == in_order
