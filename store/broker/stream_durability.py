"""When an append to the stream log is on disk: which answer of the server can be trusted.

WAITAOF is for this, and right with ``appendfsync always``. With ``everysec`` it is not: servers with
redis/redis#13793 unfixed (seen with strace on Valkey 9.1.2, ten answers of twelve) give it up to a second
before they sync. The wait is then for what ``everysec`` itself promises: a sync starts at most a second
after the last one did.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import ResponseError

from store.broker.stream_faults import NotDurableError, is_outage

Ask = Callable[..., Awaitable[Any]]

ALWAYS, EVERY_SECOND = "always", "everysec"
_SYNC_STARTS_WITHIN = 1.2
"""A second, and two turns of the server's clock."""
_POLL = 0.02


def synced_by(waited: Any, policy: Any) -> str:  # noqa: ANN401
    """The policy under which the server said that it has synced: answers of WAITAOF and of CONFIG GET.

    Raises ``NotDurableError`` when it did not say so.
    """
    for answer in (waited, policy):
        if isinstance(answer, Exception):
            raise NotDurableError(str(answer)) from answer
    if waited[0] < 1:
        raise NotDurableError("the append-only file was not fsynced in time")
    return _value(policy)


async def outlast_sync(ask: Ask) -> None:
    """With ``everysec``: return once a sync has ended that began after this call. WAITAOF must have answered."""
    server = (await ask("INFO", "server"))["run_id"]
    await asyncio.sleep(_SYNC_STARTS_WITHIN)
    while True:
        state = await ask("INFO", "persistence")
        if state["aof_last_write_status"] != "ok":
            raise NotDurableError("the append-only file cannot be written")
        if not state["aof_pending_bio_fsync"]:
            break
        await asyncio.sleep(_POLL)
    if (await ask("INFO", "server"))["run_id"] != server:
        raise NotDurableError("the server restarted before it had synced")


async def verify_policy(ask: Ask) -> None:
    """Raise ``NotDurableError`` unless the server keeps an append-only file, syncs it and can tell."""
    try:
        await ask("WAITAOF", 1, 0, 1)
        policy = _value(await ask("CONFIG", "GET", "appendfsync"))
    except ResponseError as error:
        if is_outage(error):
            raise
        raise NotDurableError(str(error)) from error
    if policy not in (ALWAYS, EVERY_SECOND):
        raise NotDurableError(f"appendfsync is {policy!r}: the append-only file is never fsynced")


def _value(answer: Any) -> str:  # noqa: ANN401
    """What CONFIG GET says of one name: a mapping in RESP3, name and value in RESP2."""
    *_, value = answer.values() if isinstance(answer, dict) else answer
    return value.decode() if isinstance(value, bytes) else str(value)
