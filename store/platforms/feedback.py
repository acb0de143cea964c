"""Feedback: what the platform then did, once or corrected; and the answers that still wait for it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import orjson
from msgspec import Struct
from sqlalchemy import select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.faults import CreditGateError
from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import decisions, feedback


class Report(Struct, frozen=True):
    """What the platform reports. ``measures`` are codes; a refusal to carry out has a reason and who approved it."""

    client: str
    operator: str
    carried_out: bool
    measures: tuple[str, ...] = ()
    reason: str | None = None
    approved_by: str | None = None
    document_no: str | None = None
    corrects: str | None = None


class FeedbackExistsError(CreditGateError):
    """There is a report already; ``standing`` is the id that a correction has to name."""

    def __init__(self, standing: str) -> None:
        super().__init__(standing)
        self.standing = standing


class FeedbackStore:
    """Reports in the ledger."""

    def __init__(self, engine: AsyncEngine, chain: HashChain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._chain = chain

    async def give(self, decision_id: str, report: Report, now: int) -> dict[str, Any]:
        """Write a report; its row. Raises ``FeedbackExistsError`` unless it corrects the one that stands."""
        row = {
            "id": f"fb_{uuid4().hex}",
            "decision_id": decision_id,
            "given_at": now,
            "measures": orjson.dumps(report.measures),
        }
        names = ("client", "operator", "carried_out", "reason", "approved_by", "document_no", "corrects")
        row |= {name: getattr(report, name) for name in names}
        try:
            async with self._writer.begin() as connection:
                await self._chain.lock_appends(connection, feedback)
                query = select(feedback).where(feedback.c.decision_id == decision_id).order_by(feedback.c.chain_no)
                standing = [found["id"] for found in (await connection.execute(query)).mappings()]
                if standing[-1:] != ([report.corrects] if report.corrects else []):
                    raise FeedbackExistsError(standing[-1] if standing else "")
                await self._chain.append(connection, feedback, [row])
        except IntegrityError:
            raise FeedbackExistsError("") from None
        return row

    async def of(self, decision_id: str) -> Sequence[Mapping[str, Any]]:
        """All reports on a decision, the one that stands last."""
        query = select(feedback).where(feedback.c.decision_id == decision_id).order_by(feedback.c.chain_no)
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def waiting(
        self, client: str | None, before: int, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Decisions whose report was due before that moment and has not come, the longest overdue first.

        Of one client, or of all; ``after`` is due moment and id of the last one of the page before.
        """
        query = select(decisions).where(
            decisions.c.feedback_due < before,
            ~select(feedback.c.id).where(feedback.c.decision_id == decisions.c.id).exists(),
        )
        if client is not None:
            query = query.where(decisions.c.client == client)
        place = tuple_(decisions.c.feedback_due, decisions.c.id)
        if after is not None:
            query = query.where(place > tuple_(*after))
        async with self._engine.connect() as connection:
            ordered = query.order_by(decisions.c.feedback_due, decisions.c.id).limit(limit)
            return [dict(row) for row in (await connection.execute(ordered)).mappings()]
