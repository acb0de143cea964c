"""The connection of the stream log to its Valkey server, and the names of its keys."""

import asyncio
from typing import Any, Self
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

ANSWER_DEADLINE_S = 5.0
"""How long the server may take to answer: one that hangs or is cut off must not block a caller for ever."""


class StreamClient:
    """One server under one namespace. The client must not decode responses, and should not retry by itself."""

    def __init__(self, redis: "Redis", namespace: str = "cg:log") -> None:
        self._redis = redis
        self._namespace = namespace

    @classmethod
    def connect(cls, url: str, namespace: str = "cg:log") -> Self:
        """A client for ``rstream://:password@host:port/db`` or ``rstream:///absolute/path/of/socket``.

        Connects when first used. It never retries: a repeated XADD would be a second entry.
        """
        parts = urlsplit(url)
        address = f"{'redis' if parts.hostname else 'unix'}://{parts.netloc}{parts.path}"
        no_retries = Retry(NoBackoff(), 0)
        # No socket timeout: XREAD and WAITAOF block on purpose; every call here has a deadline of its own.
        return cls(
            Redis.from_url(address, retry=no_retries, socket_timeout=None, socket_connect_timeout=ANSWER_DEADLINE_S),
            namespace,
        )

    async def close(self) -> None:
        """Close the connections; a later call opens them again."""
        await self._redis.aclose()

    async def command(self, *command: str | bytes | float) -> Any:  # noqa: ANN401
        """The server's answer to one command. Raises ``RedisError``, ``OSError`` or ``TimeoutError``."""
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def server_run_id(self) -> str:
        """The run id of the server: another one after each restart."""
        return str((await self.command("INFO", "server"))["run_id"])

    def key(self, *parts: str) -> str:
        """The name of a key of this log."""
        return ":".join((self._namespace, *parts))
