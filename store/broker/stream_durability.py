"""When an append to the stream log is on disk: which answers of the server prove it.

WAITAOF proves it with ``appendfsync always``. With ``everysec`` it does not: servers without the fix of
redis/redis#13793 (seen with strace on Valkey 9.1.2, ten answers of twelve) answer up to a second before they
sync. Then the caller waits for what ``everysec`` itself promises: a sync starts at most a second after the last.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import ResponseError

from store.broker.stream_faults import NotDurableError, is_outage

Command = Callable[..., Awaitable[Any]]
"""``StreamClient.command``."""

ALWAYS, EVERY_SECOND = "always", "everysec"
_SYNC_STARTS_WITHIN_S = 1.2
"""One second, and two ticks of the server's timer."""
_POLL_INTERVAL_S = 0.02


def sync_policy_of(waited: Any, policy: Any) -> str:  # noqa: ANN401
    """The ``appendfsync`` policy under which the server reports a sync, from the answers of WAITAOF and CONFIG GET.

    Raises ``NotDurableError`` when it reports none.
    """
    for answer in (waited, policy):
        if isinstance(answer, Exception):
            raise NotDurableError(str(answer)) from answer
    if waited[0] < 1:
        raise NotDurableError("the append-only file was not fsynced in time")
    return _config_value(policy)


async def wait_for_next_sync(command: Command) -> None:
    """For ``everysec``: return once a sync has ended that began after this call. WAITAOF must have answered."""
    server = (await command("INFO", "server"))["run_id"]
    await asyncio.sleep(_SYNC_STARTS_WITHIN_S)
    while True:
        state = await command("INFO", "persistence")
        if state["aof_last_write_status"] != "ok":
            raise NotDurableError("the append-only file cannot be written")
        if not state["aof_pending_bio_fsync"]:
            break
        await asyncio.sleep(_POLL_INTERVAL_S)
    if (await command("INFO", "server"))["run_id"] != server:
        raise NotDurableError("the server restarted before it had synced")


async def verify_policy(command: Command) -> None:
    """Raise ``NotDurableError`` unless the server keeps an append-only file, syncs it and can tell."""
    try:
        await command("WAITAOF", 1, 0, 1)
        policy = _config_value(await command("CONFIG", "GET", "appendfsync"))
    except ResponseError as error:
        if is_outage(error):
            raise
        raise NotDurableError(str(error)) from error
    if policy not in (ALWAYS, EVERY_SECOND):
        raise NotDurableError(f"appendfsync is {policy!r}: the append-only file is never fsynced")


def _config_value(answer: Any) -> str:  # noqa: ANN401
    """The value in an answer of CONFIG GET for one name: a mapping in RESP3, name and value in RESP2."""
    *_, value = answer.values() if isinstance(answer, dict) else answer
    return value.decode() if isinstance(value, bytes) else str(value)
