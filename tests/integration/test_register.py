"""The register in a real Valkey: changes are applied atomically, read at once, and never guessed."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from rules.listings.listing import encode_listing
from store.ledger.listing_row import RegisterChange
from store.register.reader import RegisterReader, RegisterUnavailableError
from store.register.writer import RegisterNotLoadedError, RegisterWriter
from tests.unit.records import OTHER_ORGANISATION, record
from tests.unit.validator import filed


def change(version: int, value: dict[str, Any]) -> RegisterChange:
    (made,) = filed(value)
    return RegisterChange(version, made.listing.key, encode_listing(made.listing), made.lookup_keys)


def taken_off(version: int, standing: RegisterChange) -> RegisterChange:
    return RegisterChange(version, standing.key)


async def whole(redis: "Redis") -> RegisterWriter:
    writer = RegisterWriter(redis)
    await writer.begin_loading()
    await writer.finish_loading()
    return writer


async def test_unloaded_is_unknown(redis: "Redis") -> None:
    """A Redis without a register, and a register that never held a listing, raise instead of answering "no listing"."""
    reader = RegisterReader(redis, 1)
    with pytest.raises(RegisterUnavailableError, match="register_not_loaded"):
        await reader.look_up(["k"])
    await whole(redis)
    with pytest.raises(RegisterUnavailableError, match="register_empty"):
        await reader.look_up(["k"])


async def test_an_unloaded_register_takes_nothing(redis: "Redis") -> None:
    """Applying a listing to an emptied register would make it look complete."""
    with pytest.raises(RegisterNotLoadedError):
        await RegisterWriter(redis).apply([change(1, record())])
    assert await redis.dbsize() == 0


async def test_applied_is_found_and_removed_is_not(redis: "Redis") -> None:
    """A listing is found by number and by name; after its removal by neither, while others stay."""
    writer, reader = await whole(redis), RegisterReader(redis, 1)
    listed, other = change(1, record()), change(2, record(record_no="R-2", subject={"id": OTHER_ORGANISATION}))
    assert await writer.apply([listed, other]) == [1, 2]
    found = await reader.look_up(listed.places)
    assert [len(found.listings[key]) for key in listed.places] == [1, 2]  # both carry the same name
    assert found.listings[listed.places[0]] == [filed(record())[0].listing]
    await writer.apply([taken_off(3, listed)])
    after = await reader.look_up(listed.places)
    assert [len(after.listings[key]) for key in listed.places] == [0, 1]
    assert (after.state.listings, after.state.applied, after.state.sequence) == (1, 3, 3)


async def test_a_corrected_subject_leaves_its_old_place(redis: "Redis") -> None:
    """A listing that is corrected to another subject is no longer found for the first."""
    writer, reader = await whole(redis), RegisterReader(redis, 1)
    wrong, right = change(1, record()), change(2, record(subject={"id": OTHER_ORGANISATION}))
    await writer.apply([wrong, right])
    found = await reader.look_up([wrong.places[0], right.places[0]])
    assert [len(listings) for listings in found.listings.values()] == [0, 1]


async def test_an_older_version_never_wins(redis: "Redis") -> None:
    """An older version of a listing changes nothing when applied late or twice, even after a removal."""
    writer, reader = await whole(redis), RegisterReader(redis, 1)
    old = change(1, record())
    assert await writer.apply([taken_off(5, old), old, taken_off(5, old)]) == [1, 0, 0]
    assert (await reader.look_up([old.places[0]])).listings == {old.places[0]: []}


async def test_a_slow_register_is_unknown_within_the_deadline(redis: "Redis", valkey: object) -> None:
    """A register that does not answer in time is unreachable, not empty."""
    await (await whole(redis)).apply([change(1, record())])
    reader = RegisterReader(redis, 0.2)
    await reader.state()
    await redis.client_pause(1000)
    with pytest.raises(RegisterUnavailableError, match="register_unreachable"):
        await reader.state()
    await asyncio.sleep(1)
    assert (await reader.state()).listings == 1


async def test_scripts_forgotten_by_the_server_are_sent_again(redis: "Redis") -> None:
    """A restarted Redis has no scripts; the writer loads its own again."""
    writer = await whole(redis)
    await writer.apply([change(1, record())])
    await redis.script_flush()
    assert await writer.apply([taken_off(2, change(1, record()))]) == [2]
