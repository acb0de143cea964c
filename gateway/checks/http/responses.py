"""Whole HTTP/1.1 responses to checks, as bytes, for both servers; what all of them share is formatted once a second."""

from email.utils import formatdate
from time import time

import structlog

from gateway.web.drain_state import SERVER
from gateway.web.problems import ProblemError, problem_of, record_problem, serialise

_OK_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    "Date: {date}\r\nServer: {server}\r\nContent-Length: "
)
_log = structlog.get_logger("gateway")


class PreparedResponses:
    """The responses of one process."""

    def __init__(self) -> None:
        self._second = 0
        self._ok_head = b""
        self._overloaded = b""

    def ok(self, body: bytes, last_header: bytes = b"") -> bytes:
        """A 200 with that JSON. ``last_header`` starts with its line break."""
        self._renew()
        return b"%b%d%b\r\n\r\n%b" % (self._ok_head, len(body), last_header, body)

    def overloaded(self) -> bytes:
        """A 503 `overloaded`, the same for all refusals of a second, since refusing must be cheap."""
        self._renew()
        return self._overloaded

    def _renew(self) -> None:
        second = int(time())
        if second != self._second:
            self._second = second
            self._ok_head = _OK_HEAD.format(date=formatdate(second, usegmt=True), server=SERVER).encode()
            self._overloaded = _problem_response(ProblemError("overloaded"))


def error_response(error: Exception, route: str, *, closing: bool = False) -> bytes:
    """Whatever a check raised, as a problem; counted, and logged where the fault is ours.

    ``closing`` says that the connection ends with it.
    """
    problem = problem_of(error)
    if problem is None:
        _log.error("internal_error", route=route, error=type(error).__name__, exc_info=error)
        problem = ProblemError("internal_error")
    record_problem(problem, route)
    return _problem_response(problem, closing=closing)


def _problem_response(problem: ProblemError, *, closing: bool = False) -> bytes:
    headers = {"Date": formatdate(time(), usegmt=True), "Server": SERVER}
    return serialise(problem).http11_message(headers | ({"Connection": "close"} if closing else {}))
