"""The synchronous client."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Self, TypeVar

import httpx

from creditgate_client import calls
from creditgate_client.answers import no_answer, read_answer
from creditgate_client.calls import Call
from creditgate_client.connection import Connection
from creditgate_client.decision import Decision, TicketVerdict, decided_by_caller, settled
from creditgate_client.events import Event, EventFeed
from creditgate_client.faults import GatewayUnavailable, ProblemError
from creditgate_client.locks import Lock
from creditgate_client.questions import Check, OnFailure, Subject, Watch
from creditgate_client.time_budget import TimeBudget

Answer = TypeVar("Answer")


class CreditGate:
    """A client of one gateway. Close it, or use it in ``with``; threads may share one.

    ``timeout`` is the time in seconds for one call with all its attempts; ``retries`` is how often a 5xx is retried.
    Every call raises ``ProblemError`` for a 4xx, ``AnswerUnreadable`` for a response that is not a gateway's, and
    ``GatewayUnavailable`` for a 5xx or no response. In that last case a check returns ``on_failure``.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout: float = 2.0,
        retries: int = 2,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(base_url, key, timeout, retries)
        self._http = httpx.Client(**self._connection.settings(), transport=transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(
        self,
        scene: str,
        transaction_id: str,
        subjects: Sequence[Subject],
        *,
        on_failure: OnFailure,
        operator: str | None = None,
        purpose: str | None = None,
        account_id: str | None = None,
        amount: float | None = None,
        region: str | None = None,
        max_staleness_ms: int | None = None,
        ticket: bool = False,
    ) -> Decision:
        """The decision on this transaction, or ``on_failure`` if the gateway cannot decide (5xx, or no response)."""
        policy = OnFailure(on_failure)
        question = Check(
            scene=scene,
            transaction_id=transaction_id,
            subjects=subjects,
            operator=operator,
            purpose=purpose,
            account_id=account_id,
            amount=amount,
            region=region,
            max_staleness_ms=max_staleness_ms,
            ticket=ticket,
        )
        try:
            return self._answer(calls.check(question))
        except GatewayUnavailable as failure:
            return decided_by_caller(question, failure, policy)

    def check_many(
        self, checks: Sequence[Check], *, on_failure: OnFailure, seconds: float | None = None
    ) -> list[Decision | ProblemError]:
        """The results of many checks, in their order; a refused check does not affect the others.

        They are sent in batches of 1,000; ``seconds`` is the time for each batch, by default the ``timeout``.
        """
        policy = OnFailure(on_failure)
        answers: list[Decision | ProblemError] = []
        for portion in calls.portions(checks):
            try:
                found = self._answer(calls.check_batch(portion), seconds)
                answers += settled(portion, found, policy)
            except GatewayUnavailable as failure:
                answers += settled(portion, [failure] * len(portion), policy)
        return answers

    def decision(self, decision_id: str) -> Decision:
        """A decision made earlier."""
        return self._answer(calls.decision(decision_id))

    def feedback(
        self,
        decision_id: str,
        *,
        carried_out: bool,
        measures: Sequence[str] = (),
        reason: str | None = None,
        approved_by: str | None = None,
        document_no: str | None = None,
        operator: str | None = None,
        corrects: str | None = None,
    ) -> dict[str, Any]:
        """Report what was done after a decision; ``corrects`` names the feedback that this one replaces."""
        call = calls.feedback(
            decision_id,
            carried_out=carried_out,
            measures=measures,
            reason=reason,
            approved_by=approved_by,
            document_no=document_no,
            operator=operator,
            corrects=corrects,
        )
        return self._answer(call)

    def lock(self, lock_id: str) -> Lock:
        """A lock with its history."""
        return self._answer(calls.lock(lock_id))

    def locks(
        self,
        state: str | None = None,
        scope: str | None = None,
        scene: str | None = None,
        overdue: bool | None = None,
    ) -> Iterator[Lock]:
        """The locks that match, requested page by page."""
        cursor: str | None = None
        while True:
            page = self._answer(calls.locks(cursor, overdue=overdue, state=state, scope=scope, scene=scene))
            yield from page.locks
            if not page.next:
                return
            cursor = page.next

    def release_lock(self, lock_id: str, *, reason: str, document_no: str, operator: str | None = None) -> Lock:
        """Release a lock, with the reason and the document that permits it."""
        call = calls.settle_lock(lock_id, "release", reason=reason, document_no=document_no, operator=operator)
        return self._answer(call)

    def confirm_lock(self, lock_id: str, *, reason: str, operator: str | None = None) -> Lock:
        """Confirm a lock."""
        return self._answer(calls.settle_lock(lock_id, "confirm", reason=reason, operator=operator))

    def verify_ticket(self, token: str, *, scene: str, transaction_id: str) -> TicketVerdict:
        """Whether a clearance ticket is valid for this transaction. Raises if the gateway cannot tell."""
        return self._answer(calls.verify_ticket(token, scene=scene, transaction_id=transaction_id))

    def set_watches(
        self,
        watches: Sequence[Watch],
        *,
        remove: Sequence[str] = (),
        operator: str | None = None,
        purpose: str | None = None,
    ) -> list[dict[str, Any]]:
        """Watch these subjects, and stop watching the references in ``remove``; the response to each batch.

        They are sent in batches of 1,000. If one fails, those before it stay; sending all again is harmless.
        """
        return [
            self._answer(calls.set_watches(added, removed, operator=operator, purpose=purpose))
            for added, removed in calls.watch_portions(watches, remove)
        ]

    def events(self, last_event_id: str | None = None, *, silence: float = 60.0) -> Iterator[Event]:
        """An endless stream of events, from the one after ``last_event_id``; a dropped connection is resumed.

        After ``silence`` seconds without a byte, not even a heartbeat, the connection counts as dropped.
        """
        feed = EventFeed(last_event_id)
        waits = httpx.Timeout(self._connection.timeout, read=silence)
        while True:
            cause: Exception | None = None
            try:
                with self._http.stream("GET", "/v1/events", headers=feed.headers(), timeout=waits) as response:
                    if not response.is_success:
                        response.read()
                    feed.opened(response)
                    for chunk in response.iter_bytes():
                        yield from feed.read(chunk)
            except (httpx.RequestError, GatewayUnavailable) as error:
                cause = error
            time.sleep(feed.pause_after_drop(cause))

    def _answer(self, call: Call[Answer], seconds: float | None = None) -> Answer:
        budget = TimeBudget(seconds or self._connection.timeout, self._connection.retries)
        while True:
            request = self._http.build_request(
                call.method, call.path, params=call.query, json=call.body, extensions=budget.extensions()
            )
            try:
                response = self._http.send(request)
            except httpx.RequestError as error:
                raise no_answer(error) from error
            pause = budget.pause_after(response)
            if pause is None:
                return read_answer(response, call.read)
            time.sleep(pause)
