"""A Faust agent with CreditGate's settings that only counts, into Redis: the reference of ``bench/feeds.py``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
import mode
import redis.asyncio as redis_client
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from config.settings import load_settings
from config.topics import FEEDS
from streams.app import build_app, raw_topic
from streams.batches import process_in_batches
from streams.consumed_record import ConsumedRecord

COUNTER = "bench:bare"


def main() -> None:
    """Run until stopped."""
    settings = load_settings()
    (settings.data / "faust").mkdir(parents=True, exist_ok=True)
    loop = uvloop.new_event_loop()
    app = build_app(settings)
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    topic = raw_topic(app, FEEDS)

    async def count(records: Sequence[ConsumedRecord]) -> None:
        await redis.incrby(COUNTER, len(records))

    @app.agent(topic, name="bare", supervisor_strategy=mode.CrashingSupervisor)  # type: ignore[untyped-decorator]
    async def bare(stream: Any) -> None:  # noqa: ANN401
        await process_in_batches(app, stream, count)

    faust.Worker(app, loop=loop, override_logging=False, quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
