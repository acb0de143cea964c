"""The life of a listing through the whole pipeline, ledger and register included: a credit centre's edge cases.

The numbers in brackets are those of docs/edge-cases.md.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from stdnum.iso7064 import mod_11_2

from rules.calendar import civil_day, to_milliseconds
from rules.listings.life import State
from rules.listings.validity import in_force
from rules.records.departments import Departments
from rules.records.feed_bounds import FeedBounds
from store.db.schema import feed_events, hold_changes, notices
from store.feeds.quarantine import Quarantine, QuarantineRows, QuarantineState
from store.ledger.feed_events import record_counts
from store.ledger.feed_report import FeedReport
from tests.e2e.program import credit_code
from tests.integration.feeding import CHAIN, NOON, FeedPipeline
from tests.unit.records import OTHER_ORGANISATION, PERSON, record, removal
from tests.unit.validator import DEPARTMENTS, WORKING_DAYS

LISTED = {key: value for key, value in record().items() if key != "version"}


@pytest.fixture
async def pipeline(redis: "Redis", engine: AsyncEngine) -> FeedPipeline:
    made = FeedPipeline(redis, engine)
    await made.recovery.ensure_loaded()
    return made


def listed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The court's listing, without a version."""
    return LISTED | changes


def act(operation: str, day: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"operation": operation, "record_no": "R-1", "authority": "court", "determined_on": day} | more


def company(number: str) -> dict[str, Any]:
    return {**LISTED["subject"], "id": number}


async def state(pipeline: FeedPipeline) -> str:
    key = pipeline.validator.keys.listing("court", "R-1")
    row = await pipeline.listing_queries.find(key)
    assert row is not None
    return str(row.state)


async def operations(pipeline: FeedPipeline) -> list[str]:
    async with pipeline.engine.connect() as connection:
        return list((await connection.execute(select(feed_events.c.operation).order_by(feed_events.c.id))).scalars())


# ---------------------------------------------------------------- validity


async def test_listing_ends_at_midnight_in_beijing(pipeline: FeedPipeline) -> None:
    """(17) In force to the last millisecond of the day, before any sweep; the sweep then removes it from Redis."""
    await pipeline.feed(listed(severity="general", determined_on="2025-12-01"))
    (shown,) = await pipeline.shown()
    last = datetime(2026, 12, 1, 15, 59, 59, 999_000, tzinfo=UTC)
    assert in_force(shown.valid_until, civil_day(last))
    assert not in_force(shown.valid_until, civil_day(last + timedelta(milliseconds=1)))
    pipeline.now = last
    await pipeline.keep_up()
    assert await pipeline.listed() == 1
    await pipeline.advance(milliseconds=1)
    assert await pipeline.listed() == 0
    assert await operations(pipeline) == ["list", "end"]
    await pipeline.keep_up()
    assert await operations(pipeline) == ["list", "end"], "the end is written once"
    assert await state(pipeline) == State.EXPIRED


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ({"severity": "general"}, "2027-08-12"),
        ({"severity": "unspecified"}, "2029-08-12"),
        ({"severity": "severe", "valid_until": "2099-12-31"}, "2029-08-12"),
        ({"severity": "severe", "removed_on": "2027-01-01"}, "2026-12-31"),
        ({"severity": "general", "determined_on": "2024-02-29", "valid_until": "2025-02-28"}, None),
        ({"severity": "severe", "determined_on": "2024-02-29"}, "2027-02-28"),
    ],
)
async def test_validity_by_measure_and_stated_end(
    pipeline: FeedPipeline, said: dict[str, Any], last: str | None
) -> None:
    """(20, 22, 23) Legal period, cap, removal date, 29 February; an expired listing never comes into force."""
    await pipeline.feed(listed(**said))
    found = await pipeline.shown()
    assert [str(listing.valid_until) for listing in found] == ([last] if last else [])


async def test_serious_listing_without_end_is_quarantined(pipeline: FeedPipeline) -> None:
    """(22) 较重 has no legal period: the listing is in force only once the authority states its end."""
    await pipeline.feed(listed(severity="serious"))
    assert (await pipeline.listed(), await state(pipeline)) == (0, State.HELD)
    pipeline.now += timedelta(seconds=1)
    await pipeline.feed(listed(severity="serious", valid_until="2027-01-31"))
    assert (await pipeline.listed(), await state(pipeline)) == (1, State.IN_FORCE)


async def test_late_record_counts_from_its_determination(pipeline: FeedPipeline) -> None:
    """(19) Delivered after the 7 working days of 办法一 Art. 9: in force from its determination, and reported late."""
    await pipeline.feed(listed(determined_on="2026-10-12"), listed(record_no="R-2", determined_on="2026-11-20"))
    overview = FeedReport(pipeline.engine, DEPARTMENTS, WORKING_DAYS)
    (court,) = await overview.of({"court"}, to_milliseconds(pipeline.now))
    assert (court["arrival"]["listings"], court["arrival"]["late"]) == (2, 1)
    assert (court["silent_working_days"], court["silent_too_long"]) == (0, False)
    (after,) = await overview.of({"court"}, to_milliseconds(pipeline.now + timedelta(days=14)))
    assert after["silent_too_long"]
    assert {str(listing.valid_until) for listing in await pipeline.shown()} == {"2029-10-12", "2029-11-20"}


# ---------------------------------------------------------------- order and authority


async def test_removal_before_its_listing_wins(pipeline: FeedPipeline) -> None:
    """(24) A listing that is determined after the removal is in force."""
    await pipeline.feed(act("remove", "2026-10-01", document_no="D"))
    assert await state(pipeline) == State.REMOVED
    await pipeline.feed(listed())
    assert (await pipeline.listed(), await state(pipeline)) == (0, State.REMOVED)
    await pipeline.feed(listed(determined_on="2026-11-01"))
    assert await pipeline.listed() == 1


async def test_later_line_of_a_delivery_wins(pipeline: FeedPipeline) -> None:
    """Without versions, on the same day and millisecond, the order of the file decides, both ways."""
    first, second = listed(document_no="一号"), listed(document_no="二号")
    await pipeline.feed(first, second)
    assert [listing.document_no for listing in await pipeline.shown()] == ["二号"]
    await pipeline.feed(second | {"record_no": "R-2"}, first | {"record_no": "R-2"})
    assert sorted(listing.document_no for listing in await pipeline.shown()) == ["一号", "二号"]


async def test_repeated_deliveries_change_nothing(pipeline: FeedPipeline) -> None:
    """(15, 25) The same events in new messages leave the same register and no second listing."""
    for _ in range(3):
        await pipeline.feed(record(), removal(), record())
        assert await pipeline.listed() == 0
    await pipeline.feed(listed(record_no="R-9"), listed(record_no="R-9"))
    assert await pipeline.listed() == 1


async def test_only_the_determining_authority_changes_its_listing(pipeline: FeedPipeline) -> None:
    """(14, 52) A removal of "R-1" by another authority is of its own R-1; in the court's name it is refused."""
    await pipeline.feed(record(), removal(authority="taxation"))
    assert await pipeline.listed() == 1
    claimed = pipeline.message(removal())
    validator = pipeline.validator
    with pytest.raises(Exception, match="authority_mismatch"):
        validator.validate(removal(), today=civil_day(NOON), default_version=1, sender="taxation")
    assert claimed.value is not None
    await pipeline.feed(record(category="C01"), removal(authority="nobody"))
    assert (await record_counts(pipeline.engine))["rejected"] == 2
    assert await pipeline.listed() == 1


# ---------------------------------------------------------------- red listings, responsible persons


async def test_red_listing_after_black_is_excluded(pipeline: FeedPipeline) -> None:
    """(34) It is not applied, its authority gets a notice, and the end of the black one does not restore it."""
    await pipeline.feed(listed())
    red = listed(list="red", category="R04", authority="taxation", severity="unspecified", determined_on="2026-09-01")
    await pipeline.feed(red)
    assert [listing.list for listing in await pipeline.shown()] == ["black"]
    async with pipeline.engine.connect() as connection:
        rows = (await connection.execute(select(notices.c.authority, notices.c.kind))).all()
    assert [tuple(row) for row in rows] == [("taxation", "red_listing_held")]
    await pipeline.feed(act("remove", "2026-10-01", document_no="D"))
    assert await pipeline.shown() == []


async def test_responsibility_follows_the_people_who_were_named(pipeline: FeedPipeline) -> None:
    """(35, 37) Persons named with a number are listed with their origin; a later one, or a name alone, is not."""
    people = [{"role": "legal_representative", "name": "江云舟", "id": PERSON}, {"role": "principal", "name": "沈知微"}]
    await pipeline.feed(listed(responsible_persons=people))
    (shown,) = await pipeline.shown(PERSON)
    assert (shown.origin, shown.origin_role) == (
        pipeline.validator.keys.listing("court", "R-1"),
        "legal_representative",
    )
    later = listed(responsible_persons=people, subject=LISTED["subject"] | {"legal_representative": "柏知砂"})
    pipeline.now += timedelta(seconds=1)
    await pipeline.feed(later)
    assert await pipeline.listed(PERSON) == 1
    corrected = later | {"operation": "correct", "responsible_persons": [], "corrected_on": "2026-11-01"}
    await pipeline.feed(corrected | {"correction_document_no": "GZ-1"})
    assert (await pipeline.listed(PERSON), await pipeline.listed()) == (0, 1), "named in error"
    await pipeline.feed(later | {"record_no": "R-2"})
    assert await pipeline.listed(PERSON) == 1
    await pipeline.feed(act("remove", "2026-11-20", document_no="D") | {"record_no": "R-2"})
    assert await pipeline.listed(PERSON) == 0, "it falls with its origin"


# ---------------------------------------------------------------- objection, repair


async def test_rejected_objection_changes_nothing(pipeline: FeedPipeline) -> None:
    """(29) The listing shows it only while it is open; its deadlines count working days (27)."""
    await pipeline.feed(listed(), act("object", "2026-09-18", objection_no="O"))
    assert [listing.objection_open for listing in await pipeline.shown()] == [True]
    overview = FeedReport(pipeline.engine, DEPARTMENTS, WORKING_DAYS)
    (court,) = await overview.of({"court"}, to_milliseconds(pipeline.now))
    assert court["objections"][0]["answer_by"] == "2026-10-09"
    assert court["objections"][0]["overdue"]
    await pipeline.feed(act("object_resolve", "2026-09-28", objection_no="O", document_no="D", result="rejected"))
    assert [listing.objection_open for listing in await pipeline.shown()] == [False]


async def test_upheld_objection_annuls_later_events(pipeline: FeedPipeline) -> None:
    """The listing and its responsible person are annulled, and the red listing that it excluded is restored."""
    red = listed(list="red", category="R04", authority="taxation", severity="unspecified", determined_on="2026-07-01")
    people = [{"role": "principal", "name": "江云舟", "id": PERSON}]
    await pipeline.feed(red, listed(responsible_persons=people))
    assert [listing.list for listing in await pipeline.shown()] == ["black"]
    await pipeline.feed(
        act("object", "2026-09-01", objection_no="O"),
        act("object_resolve", "2026-09-08", objection_no="O", document_no="D", result="upheld"),
    )
    assert [listing.list for listing in await pipeline.shown()] == ["red"]
    assert await pipeline.listed(PERSON) == 0
    assert await state(pipeline) == State.ANNULLED
    await pipeline.feed(listed(determined_on="2026-11-02"))
    assert [listing.list for listing in await pipeline.shown()] == ["black"], "determined anew"


async def test_a_repair_takes_effect_after_its_publicity(pipeline: FeedPipeline) -> None:
    """After five working days of publicity the listing leaves the register and is kept as repaired."""
    await pipeline.feed(listed(), act("repair", "2026-11-20", document_no="XF", publicity_from="2026-11-20"))
    assert await pipeline.listed() == 1
    pipeline.now = datetime(2026, 11, 27, 15, 59, tzinfo=UTC)
    await pipeline.keep_up()
    assert await pipeline.listed() == 1
    await pipeline.advance(minutes=1)
    assert (await pipeline.listed(), await state(pipeline)) == (0, State.REPAIRED)


async def test_an_objection_on_the_fourth_day_stops_the_repair(pipeline: FeedPipeline) -> None:
    """(31) The repair takes no effect while the objection is open, nor when it is upheld."""
    await pipeline.feed(listed(), act("repair", "2026-11-16", document_no="XF", publicity_from="2026-11-16"))
    await pipeline.feed(act("object", "2026-11-20", objection_no="O", concerns="repair"))
    await pipeline.advance(days=30)
    assert await pipeline.listed() == 1
    day = "2026-11-23"
    await pipeline.feed(act("object_resolve", day, objection_no="O", document_no="D", result="upheld"))
    await pipeline.advance(days=30)
    assert await pipeline.listed() == 1


async def test_a_year_without_a_table_is_provisional(redis: "Redis", engine: AsyncEngine) -> None:
    """A publicity period that runs into a year without published working days is marked provisional."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    pipeline.now = datetime(2027, 12, 28, 4, tzinfo=UTC)
    await pipeline.feed(listed(), act("repair", "2027-12-28", document_no="XF", publicity_from="2027-12-28"))
    row = await pipeline.listing_queries.find(pipeline.validator.keys.listing("court", "R-1"))
    assert row is not None
    assert row.provisional


# ---------------------------------------------------------------- quarantine


def bounded(**bounds: Any) -> Departments:  # noqa: ANN401
    """The departments, with these bounds for the court."""
    court = msgspec.structs.replace(DEPARTMENTS.departments["court"], bounds=FeedBounds(**bounds))
    return Departments({**DEPARTMENTS.departments, "court": court})


async def many(pipeline: FeedPipeline, count: int, start: int = 0) -> None:
    numbers = range(start, start + count)
    await pipeline.feed(*(listed(record_no=f"M-{n}", subject=company(credit_code(n))) for n in numbers))


@pytest.mark.parametrize(
    ("bounds", "mad", "cause"),
    [
        ({"added": 10}, [listed(record_no=f"X-{n}") for n in range(12)], "too_many_added"),
        (
            {"removed": 3, "removed_share": 0.1},
            [act("remove", "2026-10-01", document_no="D") | {"record_no": f"M-{n}"} for n in range(8)],
            "too_many_removed",
        ),
        ({"rejected_least": 5}, [listed(category="C01") for _ in range(9)] + [listed()], "too_many_rejected"),
        ({}, [listed(version=to_milliseconds(NOON) + 3_600_000)], "clock_ahead"),
    ],
)
async def test_anomalous_feed_is_quarantined(
    redis: "Redis", engine: AsyncEngine, bounds: dict[str, Any], mad: list[Any], cause: str
) -> None:
    """Beyond a bound the feed is stored but not applied; other feeds go on; a release applies all of it."""
    pipeline = FeedPipeline(redis, engine, bounded(**bounds))
    await pipeline.recovery.ensure_loaded()
    await many(pipeline, 5)
    await pipeline.feed(*mad)
    quarantine = Quarantine(pipeline.engine, CHAIN)
    async with pipeline.engine.connect() as connection:
        assert await QuarantineRows(CHAIN).open_ids(connection, ["court", "taxation"]) != {}
    await pipeline.feed(listed(record_no="LATER", subject=company(OTHER_ORGANISATION)))
    assert await pipeline.listed(OTHER_ORGANISATION) == 0
    await pipeline.feed(
        listed(record_no="T", authority="taxation", category="C04", subject=company(OTHER_ORGANISATION))
    )
    assert await pipeline.listed(OTHER_ORGANISATION) == 1
    decided = await quarantine.decide(
        "court", release=True, client="centre", operator="甲", reason="核实", now=to_milliseconds(pipeline.now)
    )
    assert decided is not None
    assert decided.cause == cause
    await pipeline.keep_up()
    assert await pipeline.listed(OTHER_ORGANISATION) == 2
    async with pipeline.engine.connect() as connection:
        changes = (await connection.execute(select(hold_changes.c.state, hold_changes.c.operator))).all()
    assert [tuple(row) for row in changes] == [
        (QuarantineState.OPEN, "creditgate"),
        (QuarantineState.RELEASED, "甲"),
        (QuarantineState.SETTLED, "creditgate"),
    ]


async def test_discarded_quarantine_changes_nothing(redis: "Redis", engine: AsyncEngine) -> None:
    """The register stays as before the quarantine, and the ledger keeps every record."""
    pipeline = FeedPipeline(redis, engine, bounded(removed=2, removed_share=0.1))
    await pipeline.recovery.ensure_loaded()
    await many(pipeline, 6)
    await pipeline.feed(*(act("remove", "2026-10-01", document_no="D") | {"record_no": f"M-{n}"} for n in range(6)))
    left = [await pipeline.listed(credit_code(n)) for n in range(6)]
    assert sum(left) == 4, "what came before the bound was applied"
    decided = await Quarantine(pipeline.engine, CHAIN).decide(
        "court", release=False, client="centre", operator="甲", reason="误送", now=to_milliseconds(pipeline.now)
    )
    assert decided is not None
    await pipeline.keep_up()
    assert [await pipeline.listed(credit_code(n)) for n in range(6)] == left
    assert (await record_counts(pipeline.engine))["held"] == 4
    await pipeline.feed(act("remove", "2026-10-02", document_no="D") | {"record_no": "M-5"})
    assert await pipeline.listed(credit_code(5)) == 0, "the feed goes on"


async def test_a_minor_is_refused(pipeline: FeedPipeline) -> None:
    """(43) A subject under 18 on the day of determination goes to the dead letters and nowhere else."""
    minor = mod_11_2.calc_check_digit("32082920100315001")
    minor = f"32082920100315001{minor}"
    await pipeline.feed(
        listed(record_no="R-2"), listed(subject={"kind": "natural_person", "name": "江云舟", "id": minor})
    )
    assert [fault.code for _, fault in pipeline.dead_letters.letters] == ["subject_minor"]
    assert await pipeline.listed(minor) == 0
