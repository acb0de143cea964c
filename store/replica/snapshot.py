"""Load the register's keys and locks as they are at one position of its change log."""

import asyncio
from time import monotonic
from typing import NamedTuple

from redis.asyncio import Redis

from store.register import keys as register_keys
from store.register.metadata import RegisterMetadata
from store.replica.key_filter import KeyFilter, pack_keys
from store.replica.source import scan


class Snapshot(NamedTuple):
    """All keys and lock targets at a position, with what was added while they were read."""

    key_filter: KeyFilter
    locked_targets: set[str]
    load_seconds: float


async def load_snapshot(connection: "Redis", metadata: RegisterMetadata) -> Snapshot:
    """Read the generation in force.

    The caller reads the position first and follows the change log from there, so a key that appears during the
    scan is found in the scan or in the log.
    """
    began = monotonic()
    prefix = register_keys.subject(metadata.generation, "")
    pages = [pack_keys(keys, len(prefix)) async for keys in scan(connection, prefix) if keys]
    lock_prefix = register_keys.lock("")
    locked = {key.decode().removeprefix(lock_prefix) async for keys in scan(connection, lock_prefix) for key in keys}
    # Sorting many keys takes a while: in a thread, because the event loop answers checks.
    key_filter = await asyncio.to_thread(KeyFilter, pages)
    return Snapshot(key_filter, locked, monotonic() - began)
