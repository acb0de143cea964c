"""Bring claims into the register. The stream's worker is its only user."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from register import layout
from rules.admission import Claim
from rules.listing import encode_listing

_SCRIPT = (Path(__file__).parent / "apply.lua").read_text()


class RegisterNotLoaded(Exception):
    """The register has lost its content, or never had any: rebuild it from the ledger first."""


class RegisterWriter:
    """Applies claims atomically; an older claim never wins, and applying twice changes nothing."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._sha: str | None = None

    async def apply(self, claims: Sequence[tuple[int, Claim]]) -> list[int]:
        """Apply claims with their ledger ids, in order.

        Returns for each the sequence of its change, 0 where a later claim stands. Raises
        ``RegisterNotLoaded``, having applied nothing lasting, and ``RedisError`` when Redis is away.
        """
        if self._sha is None:
            self._sha = await self._redis.script_load(_SCRIPT)
        pipeline = self._redis.pipeline(transaction=False)
        for ledger_id, claim in claims:
            value = b"" if claim.listing is None else encode_listing(claim.listing)
            keys = (layout.MARKER, layout.CHANGES, layout.LISTING + claim.key)
            pipeline.evalsha(
                self._sha, len(keys), *keys, claim.order, value, ledger_id, layout.SUBJECT, *claim.filed_under
            )
        try:
            sequences: list[int] = await pipeline.execute()
        except (NoScriptError, ResponseError) as error:
            if "NOSCRIPT" not in str(error) and not isinstance(error, NoScriptError):
                raise
            self._sha = None
            return await self.apply(claims)
        if -1 in sequences:
            raise RegisterNotLoaded
        return sequences

    async def is_loaded(self) -> bool:
        """Whether the register is whole."""
        return bool(await self._redis.hexists(layout.MARKER, "epoch"))

    async def ledger_mark(self) -> int:
        """The highest ledger id that was ever applied."""
        return int(await self._redis.hget(layout.MARKER, "ledger_id") or 0)

    async def begin_loading(self) -> None:
        """Let claims in while the register is not yet whole; readers still get "not loaded"."""
        await self._redis.hset(layout.MARKER, "loading", "1")

    async def finish_loading(self) -> None:
        """Declare the register whole; under a new epoch when it was not before."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(layout.MARKER, "epoch", uuid4().hex)
            pipeline.hdel(layout.MARKER, "loading")
            await pipeline.execute()
