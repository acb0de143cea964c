"""Feedback: what a platform did about a decision, corrected where needed; and the decisions that still wait for it."""

from typing import NamedTuple
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
    """What a platform reports. ``measures`` are codes; ``reason``: why nothing was carried out."""

    client: str
    operator: str
    carried_out: bool
    measures: tuple[str, ...] = ()
    reason: str | None = None
    approved_by: str | None = None
    document_no: str | None = None
    corrects: str | None = None


class FeedbackRow(NamedTuple):
    """The columns of ``feedback`` without those of the chain, in their order."""

    id: str
    decision_id: str
    given_at: int
    client: str
    operator: str
    carried_out: bool
    measures: bytes
    """JSON: a list of codes."""
    reason: str | None
    approved_by: str | None
    document_no: str | None
    corrects: str | None


class AwaitedDecision(NamedTuple):
    """A decision whose report has not arrived. Moments are in milliseconds."""

    id: str
    client: str
    scene: str
    transaction_id: str
    outcome: str
    decided_at: int
    feedback_due: int


class FeedbackExistsError(CreditGateError):
    """There is a report already; a correction has to name the last one, ``last_id`` (empty where unknown)."""

    def __init__(self, last_id: str) -> None:
        super().__init__(last_id)
        self.last_id = last_id


class FeedbackStore:
    """Reports in the ledger."""

    def __init__(self, engine: AsyncEngine, chain: HashChain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._chain = chain

    async def give(self, decision_id: str, report: Report, now: int) -> FeedbackRow:
        """Write a report; returns its row. Raises ``FeedbackExistsError`` unless it corrects the last one."""
        row = FeedbackRow(
            id=f"fb_{uuid4().hex}",
            decision_id=decision_id,
            given_at=now,
            client=report.client,
            operator=report.operator,
            carried_out=report.carried_out,
            measures=orjson.dumps(report.measures),
            reason=report.reason,
            approved_by=report.approved_by,
            document_no=report.document_no,
            corrects=report.corrects,
        )
        try:
            async with self._writer.begin() as connection:
                await self._chain.lock_appends(connection, feedback)
                query = select(feedback.c.id).where(feedback.c.decision_id == decision_id)
                last_id = (await connection.execute(query.order_by(feedback.c.chain_no.desc()).limit(1))).scalar()
                if last_id != (report.corrects or None):
                    raise FeedbackExistsError(last_id or "")
                await self._chain.append(connection, feedback, [row._asdict()])
        except IntegrityError:
            raise FeedbackExistsError("") from None
        return row

    async def of(self, decision_id: str) -> list[FeedbackRow]:
        """All reports on a decision; the last one is valid."""
        query = (
            select(*(feedback.c[name] for name in FeedbackRow._fields))
            .where(feedback.c.decision_id == decision_id)
            .order_by(feedback.c.chain_no)
        )
        async with self._engine.connect() as connection:
            return [FeedbackRow(*row) for row in await connection.execute(query)]

    async def waiting(
        self, client: str | None, before: int, after: tuple[int, str] | None, limit: int
    ) -> list[AwaitedDecision]:
        """Decisions whose report was due before that moment and has not arrived, the longest overdue first.

        Of one client, or of all; ``after`` is the due moment and the id of the last one of the page before.
        """
        query = select(*(decisions.c[name] for name in AwaitedDecision._fields)).where(
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
            return [AwaitedDecision(*row) for row in await connection.execute(ordered)]
