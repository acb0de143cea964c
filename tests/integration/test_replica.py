"""The replica never lacks a key, whatever happens to Redis, the change log or the register."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis.asyncio as redis_client
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import civil_day, to_milliseconds
from rules.identity.identifiers import Identifier, parse_identifier
from store.register import keys as register_keys
from store.register import rebuild
from store.register.reader import LookUp, RegisterReader, RegisterUnavailableError
from store.register.rebuild import Rebuild
from store.replica.coalesced_reader import CoalescedReader
from store.replica.follower import ReplicaFollower
from store.replica.key_filter import KeyFilter, pack_keys
from store.replica.reader import ContentsReader, ReplicaReader
from store.replica.replica import Replica, ReplicaState
from tests.e2e.program import credit_code
from tests.integration.feeding import NOON, FeedPipeline
from tests.integration.test_locks import held, request
from tests.integration.valkey_server import ValkeyServer
from tests.unit.records import record, removal
from tests.unit.validator import KEYS


def key(number: int) -> str:
    found = parse_identifier(credit_code(number), today=NOON.date())
    assert isinstance(found, Identifier)
    return KEYS.subject(found.canonical)


def listed(number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return record(record_no=f"L-{number}", subject={"id": credit_code(number)}, **more)


class FollowingReplica:
    """A replica that follows the register, beside the pipeline that feeds it."""

    def __init__(self, url: str) -> None:
        self.reachable = True

        def connect() -> "Redis":
            if not self.reachable:
                return redis_client.from_url("unix:///nowhere", retry=Retry(NoBackoff(), 0))
            return redis_client.from_url(url, single_connection_client=True, retry=Retry(NoBackoff(), 0))

        self.replica = Replica()
        self.follower = ReplicaFollower(self.replica, connect)
        self.direct = redis_client.from_url(url)
        self.reader = ReplicaReader(self.replica, RegisterReader(self.direct, 1))
        self.task = asyncio.create_task(self.follower.run())

    async def until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - what is waited for is another task's state
                await asyncio.sleep(0.005)

    async def current(self) -> None:
        await self.until(lambda: self.replica.state is ReplicaState.CURRENT)

    async def caught_up(self) -> None:
        """Until the replica has seen the last change there is."""
        last: Any = await self.direct.xrevrange(register_keys.CHANGE_LOG, count=1)
        number = int(last[0][0].split(b"-")[1]) if last else 0
        await self.until(lambda: self.replica.sequence >= number)

    async def cut_off(self) -> None:
        """Break its connection, and let none of its attempts to connect again succeed while not ``reachable``."""
        self.reachable = False
        for client in await self.direct.client_list():
            if client["cmd"] == "xread":
                await self.direct.client_kill_filter(_id=client["id"])

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.direct.aclose()


@pytest.fixture
async def pipeline(redis: "Redis", engine: AsyncEngine) -> FeedPipeline:
    """A register with one listing."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(listed(1))
    return pipeline


@pytest.fixture
async def followed(pipeline: FeedPipeline, valkey: ValkeyServer) -> AsyncIterator[FollowingReplica]:
    """A replica of that register, current."""
    made = FollowingReplica(valkey.url)
    await made.current()
    yield made
    await made.stop()


async def counted(redis: "Redis", work: Callable[[], Awaitable[Any]]) -> int:
    """How many commands Redis ran for keys of the register during ``work``."""
    before = int((await redis.info("commandstats")).get("cmdstat_hvals", {}).get("calls", 0))
    await work()
    return int((await redis.info("commandstats")).get("cmdstat_hvals", {}).get("calls", 0)) - before


# ---------------------------------------------------------------- the key filter


@given(st.sets(st.integers(0, 2**64 - 1), max_size=50), st.sets(st.integers(0, 2**64 - 1), max_size=20))
def test_key_filter_holds_exactly_its_keys(loaded: set[int], added: set[int]) -> None:
    """Every loaded or added key is found, at either end of the range too; other keys are not."""
    key_filter = KeyFilter([np.array(sorted(loaded), dtype=np.uint64)] if loaded else [])
    key_filter.add(f"{number:016x}{'0' * 16}" for number in added)
    for number in loaded | added:
        assert key_filter.may_contain(f"{number:016x}{'f' * 16}")
    for number in {0, 1, 2**63, 2**64 - 1, *(n ^ 1 for n in loaded)} - loaded - added:
        assert not key_filter.may_contain(f"{number:016x}{'f' * 16}")


def test_keys_are_packed_by_their_first_eight_bytes() -> None:
    """Keys of SCAN are packed as numbers; no keys give an empty array."""
    name = b"cg:0:subject:" + b"00112233445566778899aabbccddeeff"
    assert pack_keys([name], len(b"cg:0:subject:")).tolist() == [0x0011223344556677]
    assert pack_keys([], 3).tolist() == []


# ---------------------------------------------------------------- following


async def test_unlisted_keys_cost_no_round_trip(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """A key without a listing is answered from memory with its sequence; any other is read from the register."""
    found = None

    async def miss() -> None:
        nonlocal found
        found = await followed.reader.look_up([key(2)], ["t" * 32])

    assert await counted(pipeline.redis, miss) == 0
    assert found is not None
    assert (found.listings, found.locks, found.state.sequence) == ({}, {}, followed.replica.sequence)
    assert found.state.age_ms is not None
    hit = await followed.reader.look_up([key(1), key(2)])
    assert [len(hit.listings.get(key(n), [])) for n in (1, 2)] == [1, 0]


async def test_listed_and_taken_off_while_it_follows(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """A new listing is known a moment later; a removed one is read from the register and gives no listing."""
    await pipeline.feed(listed(3))
    await followed.caught_up()
    assert len((await followed.reader.look_up([key(3)])).listings[key(3)]) == 1
    await pipeline.feed(removal(record_no="L-3"))
    await followed.caught_up()
    assert (await followed.reader.look_up([key(3)])).listings[key(3)] == []


async def test_listings_are_cached_until_they_change(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """A second look-up costs no round trip unless it bypasses the cache; later look-ups see every change."""

    async def numbers(*, bypass_cache: bool = False) -> list[str]:
        found = await followed.reader.look_up([key(1), key(2)], bypass_cache=bypass_cache)
        return sorted(listing.document_no for listing in found.listings[key(1)])

    assert len(await numbers()) == 1
    assert await counted(pipeline.redis, numbers) == 0
    assert await counted(pipeline.redis, lambda: numbers(bypass_cache=True)) == 1
    await pipeline.feed(record(record_no="L-1b", document_no="（2026）苏0811执99号", subject={"id": credit_code(1)}))
    await followed.caught_up()
    assert len(await numbers()) == 2
    assert await counted(pipeline.redis, numbers) == 0
    await pipeline.feed(removal(record_no="L-1"))
    await followed.caught_up()
    assert await numbers() == ["（2026）苏0811执99号"]


async def test_listings_changed_during_a_read_are_not_cached(
    pipeline: FeedPipeline, followed: FollowingReplica
) -> None:
    """The change reaches the replica before the answer does, so a cached answer would stay stale."""
    direct = RegisterReader(followed.direct, 1)

    class Slow:
        async def look_up_contents(self, *arguments: Any) -> LookUp:  # noqa: ANN401
            found = await direct.look_up_contents(*arguments)
            await pipeline.feed(removal(record_no="L-1"))
            await followed.caught_up()
            return found

    reader: Any = Slow()
    found = await ContentsReader(followed.replica, reader).look_up([key(1)], [])
    assert len(found.listings[key(1)]) == 1
    assert (await followed.reader.look_up([key(1)])).listings[key(1)] == []


async def test_cache_is_dropped_on_reload(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """After a reload the cached listings may be those of another register."""
    await followed.reader.look_up([key(1)])
    assert len(followed.replica.listing_cache) == 1
    loads = followed.replica.loads.total()
    await pipeline.redis.delete(register_keys.CHANGE_LOG)
    await followed.until(lambda: followed.replica.loads.total() > loads)
    assert len(followed.replica.listing_cache) == 0


async def test_a_lock_of_another_process_is_known(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """Locks of other processes come through the change log; one of its own process is known at once."""
    (lock,) = await held(pipeline, request("bidder-17", KEYS.listing("court", "L-1")))
    await followed.caught_up()
    found = await followed.reader.look_up([], [lock.target_key, "x" * 32])
    assert found.locks == {lock.target_key: lock.id}
    followed.replica.add_lock("y" * 32)
    assert followed.replica.may_be_locked("y" * 32)


async def test_everything_there_before_the_load_is_known(pipeline: FeedPipeline, valkey: ValkeyServer) -> None:
    """Listings and locks from before the load, and every change during it, are known."""
    await pipeline.feed(*(listed(n) for n in range(100, 400)))
    (lock,) = await held(pipeline, request("bidder-17", KEYS.listing("court", "L-1")))
    late = FollowingReplica(valkey.url)
    await pipeline.feed(*(listed(n) for n in range(400, 600)))
    await late.current()
    await late.caught_up()
    assert all(late.replica.may_have_listing(key(n)) for n in range(100, 600))
    assert not any(late.replica.may_have_listing(key(n)) for n in range(600, 700))
    assert late.replica.may_be_locked(lock.target_key)
    await late.stop()


async def test_new_register_is_reloaded(
    pipeline: FeedPipeline, followed: FollowingReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change log holds the swap; from then on no answer comes from the old generation."""
    monkeypatch.setattr(rebuild, "GRACE_S", 0.05)
    await Rebuild(pipeline.engine, pipeline.redis, pipeline.listing_store).run(
        to_milliseconds(pipeline.now), civil_day(pipeline.now)
    )
    await followed.until(lambda: followed.replica.loads["generation"] == 1)
    await followed.current()
    await pipeline.feed(listed(5))
    await followed.caught_up()
    assert len((await followed.reader.look_up([key(5)])).listings[key(5)]) == 1


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (lambda redis: redis.xadd(register_keys.CHANGE_LOG, {"places": key(7)}, id="0-5000"), "gap"),
        (lambda redis: redis.hset(register_keys.METADATA, "epoch", "another"), "epoch"),
        (lambda redis: redis.delete(register_keys.CHANGE_LOG), "log_shorter"),
    ],
)
async def test_gap_in_the_change_log_causes_a_reload(
    pipeline: FeedPipeline, followed: FollowingReplica, harm: Callable[["Redis"], Awaitable[Any]], cause: str
) -> None:
    """After a missing change, another epoch or a shortened log, the replica is lost, reloads and is current again."""
    await pipeline.feed(listed(6))
    await followed.caught_up()
    await harm(pipeline.redis)
    await followed.until(lambda: followed.replica.loads[cause] == 1)
    await followed.current()
    assert len((await followed.reader.look_up([key(1)])).listings[key(1)]) == 1


async def test_a_register_that_lost_everything_is_unknown(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """After FLUSHALL no answer says "no listing": the register is read and reports that it is not loaded."""
    await pipeline.redis.flushall()
    await followed.until(lambda: followed.replica.state is ReplicaState.LOST)
    with pytest.raises(RegisterUnavailableError) as caught:
        await followed.reader.look_up([key(2)])
    assert caught.value.code == "register_not_loaded"
    await pipeline.recovery.ensure_loaded()
    await followed.current()
    assert (await followed.reader.look_up([key(1)])).listings[key(1)]


async def test_outage_makes_stale_and_restart_reloads(tmp_path: Path) -> None:
    """Without an answer for a second the replica is stale; a server that restarts is loaded again."""
    server = ValkeyServer(tmp_path)
    server.start()
    client = redis_client.from_url(server.url)
    await client.hset(register_keys.METADATA, mapping={"epoch": "e", "applied": 1, "listings": 1})
    await client.hset(register_keys.subject("0", key(1)), "l", "x")
    await client.xadd(register_keys.CHANGE_LOG, {"places": key(1)}, id="0-*")
    followed = FollowingReplica(server.url)
    await followed.current()
    server.kill()
    await followed.until(lambda: followed.replica.state is ReplicaState.STALE)
    with pytest.raises(RegisterUnavailableError):
        await followed.reader.look_up([key(2)])
    assert followed.replica.may_have_listing(key(1)), "what was known is still known"
    server.start()
    await followed.until(lambda: followed.replica.loads["unreachable"] == 1)
    await followed.current()
    assert (await followed.reader.look_up([key(2)])).listings == {}
    await followed.stop()
    await client.aclose()
    server.stop()


async def test_an_unloaded_or_empty_register_answers_nothing(
    redis: "Redis", engine: AsyncEngine, valkey: ValkeyServer
) -> None:
    """An unloaded register keeps the replica loading; a loaded one without records raises ``register_empty``."""
    followed = FollowingReplica(valkey.url)
    await asyncio.sleep(0.2)
    assert followed.replica.state is ReplicaState.LOADING
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await followed.current()
    with pytest.raises(RegisterUnavailableError) as caught:
        await followed.reader.look_up([key(1)])
    assert caught.value.code == "register_empty"
    await pipeline.feed(listed(1))
    await followed.until(lambda: followed.replica.current_state() is not None)
    assert (await followed.reader.look_up([key(2)])).listings == {}
    await followed.stop()


async def test_fresh_reads_bypass_the_replica(pipeline: FeedPipeline, followed: FollowingReplica) -> None:
    """A look-up that must be fresher than the replica guarantees reads the register."""

    async def miss() -> None:
        await followed.reader.look_up([key(2)], bypass_replica=True)

    assert await counted(pipeline.redis, miss) == 1


# ---------------------------------------------------------------- one round trip for many


async def test_concurrent_reads_share_round_trips(pipeline: FeedPipeline) -> None:
    """A hundred concurrent look-ups take a few round trips, and each gets its own answer."""
    await pipeline.feed(*(listed(n) for n in range(10, 60)))
    reader = CoalescedReader(RegisterReader(pipeline.redis, 1))
    before = (await pipeline.redis.info("commandstats"))["cmdstat_xrevrange"]["calls"]
    found = await asyncio.gather(*(reader.look_up([key(n)], [f"{n:032x}"]) for n in range(10, 110)))
    after = (await pipeline.redis.info("commandstats"))["cmdstat_xrevrange"]["calls"]
    assert after - before < 10
    for number, answer in zip(range(10, 110), found, strict=True):
        assert list(answer.listings) == [key(number)]
        assert len(answer.listings[key(number)]) == (number < 60)


async def test_broken_register_fails_every_reader(redis: "Redis") -> None:
    """Each look-up of a failed round trip raises, and so does one after a look-up that was cancelled."""
    reader = CoalescedReader(RegisterReader(redis, 1))
    found = await asyncio.gather(*(reader.look_up([key(n)], []) for n in range(5)), return_exceptions=True)
    assert [getattr(item, "code", None) for item in found] == ["register_not_loaded"] * 5
    given_up = asyncio.create_task(reader.look_up([key(1)], []))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(RegisterUnavailableError):
        await reader.look_up([key(2)], [])


async def test_replica_is_current_only_after_catching_up(pipeline: FeedPipeline, valkey: ValkeyServer) -> None:
    """A listing of the time of an outage is known as soon as the replica is current again."""
    followed = FollowingReplica(valkey.url)
    await followed.current()
    await followed.cut_off()
    await followed.until(lambda: followed.replica.state is ReplicaState.STALE)
    assert followed.replica.current_state() is None
    await pipeline.feed(*(listed(number) for number in range(500, 560)))
    followed.reachable = True
    while followed.replica.state is not ReplicaState.CURRENT:  # noqa: ASYNC110 - at every moment of the loop
        await asyncio.sleep(0)
    assert all(followed.replica.may_have_listing(key(number)) for number in range(500, 560))
    assert followed.replica.loads == {"start": 1}
    await followed.stop()


async def test_failover_causes_a_reload(pipeline: FeedPipeline, redis: "Redis", valkey: ValkeyServer) -> None:
    """Process, epoch and log length are the same, but after a failover the history may differ."""
    followed = FollowingReplica(valkey.url)
    await followed.current()
    await redis.replicaof("127.0.0.1", "1")
    await redis.replicaof("NO", "ONE")
    await followed.until(lambda: followed.replica.loads.total() == 2)
    await followed.current()
    await followed.stop()


async def test_failed_round_trip_wakes_every_reader(pipeline: FeedPipeline) -> None:
    """A listing that cannot be decoded fails every look-up of its round trip at once."""

    class Broken:
        async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str]) -> LookUp:
            raise ValueError(len(keys) + len(lock_targets))

    reader = CoalescedReader(Broken())
    async with asyncio.timeout(5):
        found = await asyncio.gather(*(reader.look_up([key(n)], []) for n in range(3)), return_exceptions=True)
    assert [type(item) for item in found] == [RegisterUnavailableError] * 3
