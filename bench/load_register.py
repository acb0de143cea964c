"""Load many listings into the register through its own writer, without feeds and ledger.

Feeding a million takes nine minutes; this takes one or less. Layout, keys and change log are the real ones.
The ledger does not have these listings, and no check reads them there. For benchmarks only.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

import redis.asyncio as redis_client

from bench.subjects import MAX_LISTINGS, listed
from rules.identity.identifiers import Identifier, parse_identifier
from rules.identity.subject import SubjectKeys
from rules.listings.listing import Listing, encode_listing
from rules.vocabulary import DataClass, Determination, ListColour, Severity
from store.ledger.listing_row import RegisterChange
from store.register.writer import RegisterWriter

PAGE_LISTINGS = 2000
LISTING_VERSION = 1
"""Below every version of the ledger, so that the register's applied mark stays."""
DETERMINED_ON = date(2026, 11, 1)
_TOKEN, _NUMBER = b"@key@", b"@number@"
BYTES_PER_LISTING = 1536
"""Memory of a listing in Valkey, transient copies included."""


def enough_memory(listings: int) -> str | None:
    """Why this number of listings does not fit, or None."""
    available = next(line for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line)
    gibibytes = int(available.split()[1]) / 1024**2
    needed = listings * BYTES_PER_LISTING / 1024**3
    if listings > MAX_LISTINGS:
        return f"{listings} listings: at most {MAX_LISTINGS} invented numbers"
    return f"{listings} listings need {needed:.1f} GiB, {gibibytes:.1f} are free" if needed > gibibytes else None


def changes(keys: SubjectKeys, start: int, end: int) -> Iterator[RegisterChange]:
    """Changes for the writer: severe public court listings, each of its own company."""
    template = encode_listing(_listing())
    for number in range(start, end):
        identifier = parse_identifier(listed(number), None, today=DETERMINED_ON)
        assert isinstance(identifier, Identifier)
        key = keys.listing("court", f"BENCH-{number}")
        value = template.replace(_TOKEN, key.encode()).replace(_NUMBER, identifier.masked().encode())
        yield RegisterChange(LISTING_VERSION, key, value, (keys.subject(identifier.canonical),))


def _listing() -> Listing:
    return Listing(
        key=_TOKEN.decode(),
        authority="court",
        list=ListColour.BLACK,
        category="C07",
        severity=Severity.SEVERE,
        determination=Determination.LIST_DECISION,
        data_class=DataClass.PUBLIC,
        document_no="（2026）苏0811执8801号",
        basis="《最高人民法院关于公布失信被执行人名单信息的若干规定》第一条",
        determined_on=DETERMINED_ON,
        checked=True,
        filed_by_number=True,
        pattern=_NUMBER.decode(),
    )


async def load(redis_url: str, pepper: bytes, count: int) -> float:
    """Load ``count`` listings; returns the seconds, the rewrite of the append-only file included."""
    began, reported_at = time.perf_counter(), time.monotonic()
    async with redis_client.from_url(redis_url) as redis:
        before = str((await redis.config_get("appendfsync"))["appendfsync"])
        await redis.config_set("appendfsync", "no")
        try:
            writer, waiting, done = RegisterWriter(redis), changes(SubjectKeys(pepper), 0, count), 0
            while page := list(islice(waiting, PAGE_LISTINGS)):
                done += sum(sequence > 0 for sequence in await writer.apply(page))
                if time.monotonic() - reported_at > 10:
                    reported_at = time.monotonic()
                    sys.stderr.write(f"  {done} of {count} listings in the register\n")
            if done != count:
                raise RuntimeError(f"{done} of {count} listings were taken")
            while (await redis.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            await redis.config_set("appendfsync", before)
    return time.perf_counter() - began
