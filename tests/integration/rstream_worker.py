"""A Faust worker over rstream:// with the settings CreditGate uses; run as a program, it can be killed.

``python -m tests.integration.rstream_worker BROKER_URL DIRECTORY [hold]`` writes a line to DIRECTORY/seen for
each event it has carried out, then acknowledges it; with ``hold`` it writes the line and never acknowledges.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
import mode

TOPIC = "work"
GROUP = "group"
PARTITIONS = 3

Carry = Callable[[Any], Awaitable[bool]]
"""Processes an event and returns whether to acknowledge it."""


def build_worker(broker_url: str, directory: Path, carry: Carry) -> faust.App:
    """An application with one agent on ``work`` that acknowledges after ``carry``."""
    app = faust.App(
        GROUP,
        broker=broker_url,
        datadir=str(directory / "faust"),
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        broker_max_poll_interval=30 * 86400.0,
        broker_max_poll_records=500,
        broker_commit_interval=0.2,
        table_standby_replicas=0,
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
    )
    topic = app.topic(TOPIC, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")

    @app.agent(topic, name="carrier", supervisor_strategy=mode.CrashingSupervisor)  # type: ignore[untyped-decorator]
    async def carrier(stream: Any) -> None:  # noqa: ANN401
        events = stream.noack()
        async for event in events.events():
            if await carry(event) and event.message.generation_id == app.consumer_generation_id:
                await events.ack(event)

    return app


def main() -> None:
    """Work until stopped or killed."""
    broker_url, directory, *hold = sys.argv[1:]
    with (Path(directory) / "seen").open("a", buffering=1) as seen:

        async def carry(event: Any) -> bool:  # noqa: ANN401
            seen.write(f"{event.value.decode()}\n")
            return not hold

        loop = asyncio.new_event_loop()
        app = build_worker(broker_url, Path(directory), carry)
        worker = faust.Worker(app, loop=loop, override_logging=False, quiet=True)
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
