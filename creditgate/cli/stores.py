"""The register and the ledger themselves, for commands of the operator who runs them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import redis.asyncio as redis_client
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from config.files import ConfigError, load_departments, load_working_days
from config.settings import Settings
from creditgate.cli.terminal import MISUSE, fail
from rules.identity.subject import SubjectKeys
from rules.listings.indexer import ListingIndexer
from store.db.engine import connect
from store.db.hash_chain import HashChain
from store.ledger.listings import ListingStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    """What a command works on."""

    engine: AsyncEngine
    redis: Any
    keys: SubjectKeys
    book: ListingStore


def with_stores(settings: Settings, action: Callable[[Stores], Awaitable[T]]) -> T:
    """Run an action on them; ends with 1 when one of them is away, with 2 when the settings do not reach."""

    async def run() -> T:
        async with _backends(settings) as backends:
            return await action(backends)

    try:
        return asyncio.run(run())
    except (ConfigError, ValueError) as error:
        fail(str(error), MISUSE)
    except RedisError as error:
        fail(f"register: {type(error).__name__}")
    except (SQLAlchemyError, OSError) as error:
        fail(f"ledger: {type(error).__name__}")


@asynccontextmanager
async def _backends(settings: Settings) -> AsyncIterator[Stores]:
    keys = SubjectKeys(settings.pepper_bytes())
    listing_indexer = ListingIndexer(load_departments(settings.departments), keys)
    book = ListingStore(listing_indexer, load_working_days(settings.holidays), HashChain(keys))
    engine = connect(settings.ledger_url.get_secret_value())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    try:
        yield Stores(engine, redis, keys, book)
    finally:
        await redis.aclose()
        await engine.dispose()
