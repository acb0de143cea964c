"""How long the event loop keeps whoever is next waiting: what is looked at first when everything is slow."""

import asyncio
from time import perf_counter

from gateway.metrics import LOOP_DELAY

_PERIOD = 0.05


async def watch_loop() -> None:
    """Look, for as long as the process runs, how late the loop comes back to somebody who is due."""
    while True:
        due = perf_counter() + _PERIOD
        await asyncio.sleep(_PERIOD)
        LOOP_DELAY.observe(max(0.0, perf_counter() - due))
