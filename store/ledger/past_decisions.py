"""Past decisions in the order of the ledger, with what is needed to decide them again."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import msgspec
import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.policy.replay import PastCheck, decode_check
from store.db.schema import decisions

_PAGE_ROWS = 1000


class PastDecision(NamedTuple):
    """One decision; ``check`` is None where the ledger does not hold enough to decide it again."""

    id: str
    decided_at: int
    check: PastCheck | None


async def past_decisions(engine: AsyncEngine, since: int) -> AsyncIterator[PastDecision]:
    """Every check decided at ``since`` (milliseconds) or later."""
    last = 0
    while True:
        query = (
            select(decisions.c.chain_no, decisions.c.id, decisions.c.decided_at, decisions.c.detail)
            .where(decisions.c.decided_at >= since, decisions.c.chain_no > last)
            .order_by(decisions.c.chain_no)
            .limit(_PAGE_ROWS)
        )
        async with engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        if not rows:
            return
        last = rows[-1]["chain_no"]
        for row in rows:
            detail: Mapping[str, Any] = orjson.loads(row["detail"])
            if "check" in detail or "subjects" in detail:
                yield PastDecision(row["id"], row["decided_at"], _check(detail))


def _check(detail: Mapping[str, Any]) -> PastCheck | None:
    try:
        return decode_check(orjson.dumps(detail["check"]))
    except (KeyError, msgspec.DecodeError):
        return None
