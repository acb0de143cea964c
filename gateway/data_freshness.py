"""Register age and unreliable feeds: why an answer may lack something."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from rules.policy.pack import Scene
from rules.policy.unknown import Unknown
from store.feeds.health import FeedHealth, FeedHealthSnapshot
from store.register.reader import RegisterState

_REFRESH_INTERVAL_S = 2.0
_MIN_REFRESH_INTERVAL_S = 0.1
"""Between refreshes that checks cause, so that many checks cost the ledger little."""
_log = structlog.get_logger("gateway.freshness")


class DataFreshness:
    """The unreliable feeds, refreshed from the ledger; the last known ones stay while it is unavailable."""

    def __init__(self, feeds: FeedHealth, clock: Callable[[], datetime]) -> None:
        self.feeds = feeds
        """Where the reliability of feeds is read."""
        self._clock = clock
        self._known: FeedHealthSnapshot | None = None
        self._refreshed_at = 0.0
        self._refreshing = asyncio.Lock()

    async def keep_fresh(self) -> None:
        """Refresh for as long as the process runs."""
        while True:
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("feed_health_not_refreshed", error=type(error).__name__)
            await asyncio.sleep(_REFRESH_INTERVAL_S)

    async def refresh(self) -> None:
        """Read the ledger once. Raises ``SQLAlchemyError`` and ``OSError``."""
        self._refreshed_at = monotonic()
        self._known = await self.feeds.now(to_milliseconds(self._clock()))

    async def refresh_if_unreliable(self, scene: Scene) -> None:
        """Read again before a feed makes an answer indeterminate: it may be reliable by now."""
        known = self._known
        if known is not None and not any(code in known.freshness for code in scene.relies_on):
            return
        async with self._refreshing:
            if monotonic() - self._refreshed_at >= _MIN_REFRESH_INTERVAL_S:
                with suppress(SQLAlchemyError, OSError):
                    await self.refresh()

    def watermarks(self, authorities: Iterable[str]) -> dict[str, int]:
        """When each of these authorities was last heard, in milliseconds; those never heard are omitted."""
        heard = self._known.heard if self._known else {}
        return {code: heard[code] for code in dict.fromkeys(authorities) if heard.get(code)}

    def unknowns(self, scene: Scene, state: RegisterState, max_staleness_ms: int | None) -> tuple[Unknown, ...]:
        """Why an answer in that scene may lack something; empty when it does not.

        The caller may require fresher data than the scene does, never accept older.
        """
        known = self._known
        if known is None:
            found = [Unknown("feeds_unknown", None, "the ledger was not heard yet")] if scene.relies_on else []
        else:
            found = [known.freshness[code] for code in scene.relies_on if code in known.freshness]
        limit = min(scene.max_staleness * 1000, max_staleness_ms or scene.max_staleness * 1000)
        if state.age_ms is None or state.age_ms > limit:
            age = "never heard" if state.age_ms is None else f"{state.age_ms} ms, allowed {limit} ms"
            found.append(Unknown("register_stale", None, age))
        return tuple(found)


def as_of(state: RegisterState | None, now: datetime, watermarks: Mapping[str, int] | None = None) -> dict[str, Any]:
    """How old the data was: by the register's clock, by this process, and by the authorities that counted."""
    heard = {code: rfc3339(from_milliseconds(at)) for code, at in (watermarks or {}).items()}
    when = {"read_at": rfc3339(now), "watermarks": heard}
    if state is None:
        return {"epoch": None, "sequence": None, "age_ms": None, "heard_ms": None} | when
    return {
        "epoch": state.epoch,
        "sequence": state.sequence,
        "age_ms": state.age_ms,
        "heard_ms": state.heard_ms,
    } | when
