"""The register in a real Valkey: one atomic apply, one read, and never a guess."""

import asyncio
import random
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from config.files import load_departments
from config.settings import Settings
from register.register_reader import RegisterReader, RegisterUnavailable
from register.register_writer import RegisterNotLoaded, RegisterWriter
from rules.admission import AdmissionDesk, Claim
from rules.subject import SubjectKeys
from tests.unit.records import OTHER_ORGANISATION, person, record, removal

DESK = AdmissionDesk(load_departments(Settings().departments), SubjectKeys(b"p" * 32))
TODAY = date(2026, 11, 23)


def claim(value: dict[str, object]) -> Claim:
    return DESK.admit(value, today=TODAY, default_version=1)


async def whole(redis: "Redis") -> RegisterWriter:
    writer = RegisterWriter(redis)
    await writer.begin_loading()
    await writer.finish_loading()
    return writer


async def test_unloaded_is_unknown(redis: "Redis") -> None:
    """Redis without the register, and a register that never held anything, are not "nobody is listed"."""
    reader = RegisterReader(redis, 1)
    with pytest.raises(RegisterUnavailable, match="register_not_loaded"):
        await reader.look_up(["k"])
    await whole(redis)
    with pytest.raises(RegisterUnavailable, match="register_empty"):
        await reader.look_up(["k"])


async def test_an_unloaded_register_takes_no_claims(redis: "Redis") -> None:
    """A claim applied onto an emptied register would make it look whole."""
    with pytest.raises(RegisterNotLoaded):
        await RegisterWriter(redis).apply([(1, claim(record()))])
    assert await redis.dbsize() == 0


async def test_applied_is_found_and_removed_is_not(redis: "Redis") -> None:
    """A listing is found under number and name; after its removal, under neither, while others stand."""
    writer, reader = await whole(redis), RegisterReader(redis, 1)
    listed, other = claim(record()), claim(record(record_no="R-2", subject={"id": OTHER_ORGANISATION}))
    assert await writer.apply([(1, listed), (2, other)]) == [1, 2]
    found = await reader.look_up(listed.filed_under)
    assert [len(found.listings[key]) for key in listed.filed_under] == [1, 2]  # both carry the same name
    assert found.listings[listed.filed_under[0]] == [listed.listing]
    await writer.apply([(3, claim(removal()))])
    after = await reader.look_up(listed.filed_under)
    assert [len(after.listings[key]) for key in listed.filed_under] == [0, 1]
    assert (after.state.listings, after.state.applied, after.state.sequence) == (1, 3, 3)


async def test_a_corrected_subject_leaves_its_old_place(redis: "Redis") -> None:
    """A listing restated for another subject no longer stands against the first: a wrong block ends."""
    writer, reader = await whole(redis), RegisterReader(redis, 1)
    wrong, right = claim(record()), claim(record(version=2, subject={"id": OTHER_ORGANISATION}))
    await writer.apply([(1, wrong), (2, right)])
    found = await reader.look_up([wrong.filed_under[0], right.filed_under[0]])
    assert [len(listings) for listings in found.listings.values()] == [0, 1]


EVENTS = [
    record(version=1),
    record(version=3, severity="general"),
    removal(version=2),
    removal(version=4),
    record(version=4),
    record(record_no="R-2", version=1, subject=person()),
    record(record_no="R-2", version=1, subject=person(), facts="同一版本，不同内容"),
    removal(record_no="R-3", version=9),
    record(record_no="R-3", version=1),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(EVENTS))), st.lists(st.integers(0, len(EVENTS) - 1), max_size=8), st.randoms())
async def test_any_interleaving_ends_in_the_same_register(
    redis: "Redis", order: list[int], again: list[int], chance: random.Random
) -> None:
    """Late, duplicate, interleaved and batched at random: the register is the same."""
    await redis.flushall()
    writer = await whole(redis)
    arrivals = [*order, *again]
    while arrivals:
        size = chance.randint(1, 4)
        batch, arrivals = arrivals[:size], arrivals[size:]
        await writer.apply([(index + 1, claim(EVENTS[index])) for index in batch])
    state = await content(redis)
    await redis.flushall()
    await (await whole(redis)).apply([(index + 1, claim(event)) for index, event in enumerate(EVENTS)])
    assert state == await content(redis)


async def content(redis: "Redis") -> dict[bytes, object]:
    keys = [key async for key in redis.scan_iter("cg:[sl][ui]*")]  # subjects and listings
    return {key: await redis.hgetall(key) for key in sorted(keys)}


async def test_a_slow_register_is_unknown_within_the_deadline(redis: "Redis", valkey: object) -> None:
    """A register that does not answer in time is unreachable, not empty."""
    await (await whole(redis)).apply([(1, claim(record()))])
    reader = RegisterReader(redis, 0.2)
    await reader.state()
    await redis.client_pause(1000)
    with pytest.raises(RegisterUnavailable, match="register_unreachable"):
        await reader.state()
    await asyncio.sleep(1)
    assert (await reader.state()).listings == 1


async def test_scripts_forgotten_by_the_server_are_sent_again(redis: "Redis") -> None:
    """A restarted Redis knows no scripts; the writer sends its own again."""
    writer = await whole(redis)
    await writer.apply([(1, claim(record()))])
    await redis.script_flush()
    assert await writer.apply([(2, claim(removal()))]) == [2]
