"""From a response to its content, or to the exception that it stands for."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct

from creditgate_client.faults import AnswerUnreadable, GatewayUnavailable, ProblemError

Answer = TypeVar("Answer")


class _Problem(Struct, frozen=True):
    code: str
    title: str = ""
    title_zh: str = ""
    detail: str = ""
    path: str | None = None


def read_answer(response: httpx.Response, read: Callable[[Any], Answer]) -> Answer:
    """The content of a complete response. Raises the exceptions of ``faults``."""
    raise_fault(response)
    try:
        return read(msgspec.json.decode(response.content))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerUnreadable(f"the response does not have the expected form: {error}") from error


def raise_fault(response: httpx.Response) -> None:
    """Raise the exception for a complete response other than 2xx."""
    status = response.status_code
    if status >= 500:
        raise failure_from(status, _json(response))
    if status >= 400:
        raise problem_from(status, _json(response))
    if not 200 <= status < 300:
        raise AnswerUnreadable(f"response with status {status}: is this the address of a gateway?")


def problem_from(status: int, document: object) -> ProblemError:
    """The refusal in a problem document; the code is ``http_404`` and the like if it did not come from the gateway."""
    problem = _problem(status, document)
    return ProblemError(status, problem.code, problem.title, problem.title_zh, problem.detail, problem.path)


def failure_from(status: int, document: object) -> GatewayUnavailable:
    """The failure in a problem document."""
    problem = _problem(status, document)
    return GatewayUnavailable(problem.code, status, problem.title)


def no_answer(error: httpx.RequestError) -> GatewayUnavailable:
    """The failure of a request that got no response."""
    return GatewayUnavailable("timeout" if isinstance(error, httpx.TimeoutException) else "connection_failed")


def _problem(status: int, document: object) -> _Problem:
    try:
        return msgspec.convert(document, _Problem)
    except msgspec.ValidationError:
        return _Problem(f"http_{status}")


def _json(response: httpx.Response) -> object:
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
