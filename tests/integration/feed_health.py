"""Feed health as a test sets it, whatever the ledger holds."""

from typing import cast

from gateway.data_freshness import DataFreshness
from rules.policy.unknown import Unknown
from store.feeds.health import FeedHealth, FeedHealthSnapshot

HELD_COURT_FEED = FeedHealthSnapshot({"court": Unknown("feed_held", "court", "")}, {})


class FixedFeedHealth:
    """Always the same snapshot; None stands for a ledger that was never read."""

    def __init__(self, snapshot: FeedHealthSnapshot | None) -> None:
        self._snapshot = snapshot

    async def now(self, _now: int) -> FeedHealthSnapshot | None:
        return self._snapshot


async def set_feed_health(freshness: DataFreshness, snapshot: FeedHealthSnapshot | None) -> None:
    """Replace the feed health of ``freshness`` by a fixed snapshot."""
    freshness.feeds = cast(FeedHealth, FixedFeedHealth(snapshot))
    await freshness.refresh()
