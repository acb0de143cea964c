"""A client's token bucket: never more than rate and burst allow, and Retry-After is long enough."""

from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.overload.rate_limit import Bucket, RateLimiter
from gateway.web.problems import ProblemError
from store.platforms.clients import Client, Grants

RATES = st.floats(0.01, 20_000)
BURSTS = st.floats(1, 40_000)
PAUSES = st.lists(st.floats(0, 3), min_size=1, max_size=40)
_ROUNDING = 1e-3


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def client(name: str = "shop", rate: float | None = None) -> Client:
    return Client(name, Grants(rate=rate), 0)


@given(RATES, BURSTS, PAUSES, st.data())
def test_no_window_has_more_than_burst_and_rate(
    rate: float, burst: float, pauses: list[float], data: st.DataObject
) -> None:
    """In every interval at most ``burst`` plus ``rate`` times its seconds are admitted."""
    bucket, taken = Bucket(rate, burst, 0.0), list[tuple[float, float]]()
    for now in accumulate(pauses):
        cost = data.draw(st.floats(0.1, burst))
        if not bucket.take(cost, now):
            taken.append((now, cost))
    for first, (began, _) in enumerate(taken):
        costs = 0.0
        for now, cost in taken[first:]:
            costs += cost
            assert costs <= burst + rate * (now - began) + _ROUNDING


@given(RATES, BURSTS, PAUSES, st.floats(1, 1000))
def test_a_big_batch_is_paid_off(rate: float, burst: float, pauses: list[float], times: float) -> None:
    """A cost above the burst is admitted once, from a full bucket; nothing more until the debt is paid."""
    bucket, cost = Bucket(rate, burst, 0.0), burst * times
    assert bucket.take(cost, 0.0) == 0
    owed = (cost - burst + 1) / rate
    for now in accumulate(pauses):
        assume(abs(now - owed) > _ROUNDING * (1 + owed))
        if now < owed:
            assert bucket.take(1, now) == pytest.approx(owed - now, rel=1e-6, abs=1e-6)
        else:
            assert bucket.take(1, now) == 0
            return


@given(RATES, BURSTS, PAUSES, st.data())
def test_retry_after_is_long_enough(rate: float, burst: float, pauses: list[float], data: st.DataObject) -> None:
    """After the wait that a refusal names the request is admitted; a refusal costs no tokens."""
    bucket = Bucket(rate, burst, 0.0)
    for now in accumulate(pauses):
        cost = data.draw(st.floats(0.1, burst * 3))
        if wait := bucket.take(cost, now):
            assert bucket.take(cost, now) == wait
            assert bucket.take(cost, now + wait) == 0
            return


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """An interval that the clock repeats adds its tokens only once."""
    bucket = Bucket(1, 1, 10.0)
    assert bucket.take(1, 10.0) == 0
    assert bucket.take(1, 0.0) == 1
    assert bucket.take(1, 10.5) == pytest.approx(0.5)


def test_clients_have_buckets_of_their_own() -> None:
    """A refusal has Retry-After and does not affect other clients; a registered rate overrides the default."""
    clock = Clock()
    limits = RateLimiter(rate=10, burst=20, clock=clock)
    limits.take(client("loud"), 20)
    with pytest.raises(ProblemError) as refused:
        limits.take(client("loud"), 5)
    expected = {"Retry-After": "1", "RateLimit-Limit": "20", "RateLimit-Remaining": "0", "RateLimit-Reset": "2"}
    assert refused.value.code == "rate_limited"
    assert refused.value.headers == expected
    limits.take(client("quiet"), 20)
    limits.take(client("slow", rate=1), 2)
    with pytest.raises(ProblemError) as refused:
        limits.take(client("slow", rate=1))
    assert refused.value.headers["RateLimit-Limit"] == "2"
    clock.now += 1
    limits.take(client("loud"), 10)
    limits.take(client("slow", rate=1))


def test_a_changed_rate_holds_at_once() -> None:
    """A client whose registered rate changes gets a new bucket."""
    limits = RateLimiter(rate=10, burst=20, clock=Clock())
    limits.take(client(), 20)
    limits.take(client(rate=100), 200)
    with pytest.raises(ProblemError, match="rate_limited"):
        limits.take(client(rate=100))


def test_open_stream_is_told_to_pause() -> None:
    """A stream of lines is slowed down, not refused."""
    clock = Clock()
    limits = RateLimiter(rate=10, burst=10, clock=clock)
    assert limits.pause_before(client(), 10) == 0
    pause = limits.pause_before(client(), 5)
    assert pause == pytest.approx(0.5)
    clock.now += pause
    assert limits.pause_before(client(), 5) == 0
