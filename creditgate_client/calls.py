"""Every call of the API: its request, and the reader of its response. Nothing here does I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from creditgate_client.answers import failure_from, problem_from
from creditgate_client.decision import Decision, TicketVerdict, decision_from
from creditgate_client.faults import GatewayUnavailable, ProblemError
from creditgate_client.locks import Lock, LockPage
from creditgate_client.questions import Check, Watch, given

MOST_PER_CALL = 1000
_LOCKS_PER_PAGE = 100

Answer = TypeVar("Answer")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request, and the reader of its response; ``read`` raises ``msgspec.DecodeError`` for an unexpected form."""

    method: str
    path: str
    read: Callable[[Any], Answer]
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)


class _BatchResult(Struct, frozen=True):
    index: int
    status: int
    decision: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None


class _BatchAnswer(Struct, frozen=True):
    results: list[_BatchResult]


def check(question: Check) -> Call[Decision]:
    """Check one transaction."""
    return Call("POST", "/v1/checks", decision_from, question.body())


def check_batch(questions: Sequence[Check]) -> Call[list[Decision | ProblemError | GatewayUnavailable]]:
    """Check up to 1,000 transactions; the results are in the order of the checks."""

    def read(document: Any) -> list[Decision | ProblemError | GatewayUnavailable]:  # noqa: ANN401
        results = {result.index: result for result in msgspec.convert(document, _BatchAnswer).results}
        if results.keys() != set(range(len(questions))):
            raise msgspec.ValidationError("the results do not match the checks that were sent")
        return [_batch_item(results[index]) for index in range(len(questions))]

    return Call("POST", "/v1/checks/batch", read, {"checks": [question.body() for question in questions]})


def _batch_item(result: _BatchResult) -> Decision | ProblemError | GatewayUnavailable:
    if result.status == 200:
        return decision_from(result.decision)
    if result.status >= 500:
        return failure_from(result.status, result.problem)
    return problem_from(result.status, result.problem)


def decision(decision_id: str) -> Call[Decision]:
    """A decision, read from the ledger."""
    return Call("GET", f"/v1/decisions/{quote(decision_id, safe='')}", _given_back)


def feedback(
    decision_id: str, *, carried_out: bool, measures: Sequence[str], **more: str | None
) -> Call[dict[str, Any]]:
    """Report what was done after a decision."""
    body = given(carried_out=carried_out, measures=list(measures), **more)
    return Call("POST", f"/v1/decisions/{quote(decision_id, safe='')}/feedback", _members, body)


def lock(lock_id: str) -> Call[Lock]:
    """A lock with its history."""
    return Call("GET", _lock_path(lock_id), _lock)


def locks(cursor: str | None, *, overdue: bool | None, **filters: str | None) -> Call[LockPage]:
    """A page of locks."""
    flag = None if overdue is None else str(overdue).lower()
    query = given(**filters, overdue=flag, limit=str(_LOCKS_PER_PAGE), cursor=cursor)
    return Call("GET", "/v1/locks", lambda document: msgspec.convert(document, LockPage), query=query)


def settle_lock(lock_id: str, act: str, **members: str | None) -> Call[Lock]:
    """Release or confirm a lock."""
    return Call("POST", f"{_lock_path(lock_id)}/{act}", _lock, given(**members))


def verify_ticket(token: str, *, scene: str, transaction_id: str) -> Call[TicketVerdict]:
    """Verify a clearance ticket for this transaction."""
    body = {"ticket": token, "scene": scene, "transaction_id": transaction_id}
    return Call("POST", "/v1/tickets/verify", lambda document: msgspec.convert(document, TicketVerdict), body)


def set_watches(watches: Sequence[Watch], remove: Sequence[str], **more: str | None) -> Call[dict[str, Any]]:
    """Add up to 1,000 watches and remove up to 1,000."""
    body = given(watches=[watch.body() for watch in watches], remove=list(remove), **more)
    return Call("PUT", "/v1/watches", _members, body)


def portions(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The items in batches of the size that one call may have."""
    for start in range(0, len(items), MOST_PER_CALL):
        yield list(items[start : start + MOST_PER_CALL])


def watch_portions(watches: Sequence[Watch], remove: Sequence[str]) -> Iterator[tuple[list[Watch], list[str]]]:
    """Both in batches that one call may hold; at least one, so that an empty request is sent too."""
    for start in range(0, max(len(watches), len(remove), 1), MOST_PER_CALL):
        part = slice(start, start + MOST_PER_CALL)
        yield list(watches[part]), list(remove[part])


def _lock_path(lock_id: str) -> str:
    return f"/v1/locks/{quote(lock_id, safe='')}"


def _lock(document: Any) -> Lock:  # noqa: ANN401
    return msgspec.convert(document, Lock)


def _given_back(document: Any) -> Decision:  # noqa: ANN401
    return decision_from(_members(document).get("decision"))


def _members(document: Any) -> dict[str, Any]:  # noqa: ANN401
    return msgspec.convert(document, dict[str, Any])
