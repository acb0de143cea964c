"""Whole HTTP responses of the fast lane; what all responses share is formatted once a second."""

from email.utils import formatdate
from time import time

from gateway.web.drain_state import SERVER
from gateway.web.problems import ProblemError, serialise

_OK_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    "Date: {date}\r\nServer: {server}\r\nContent-Length: "
)


class PreparedResponses:
    """The prepared parts of one process."""

    def __init__(self) -> None:
        self._shed_count = 0
        self._second = 0
        self._ok_head = b""
        self._overloaded = b""

    def ok_head(self) -> bytes:
        """The head of a 200 up to the value of its ``Content-Length``."""
        self._renew()
        return self._ok_head

    def overloaded(self) -> bytes:
        """A whole 503 `overloaded`, the same for all refusals of a second, since refusing must be cheap."""
        self._shed_count += 1
        self._renew()
        return self._overloaded

    def _renew(self) -> None:
        second = int(time())
        if second != self._second:
            self._second = second
            self._ok_head = _OK_HEAD.format(date=formatdate(second, usegmt=True), server=SERVER).encode()
            self._overloaded = problem_response(ProblemError("overloaded"))

    def take_shed_count(self) -> int:
        """How many requests were refused since the last call."""
        count, self._shed_count = self._shed_count, 0
        return count


def problem_response(problem: ProblemError, *, closing: bool = False) -> bytes:
    """A problem as a whole response; ``closing`` says that the connection ends with it."""
    headers = {"Date": formatdate(time(), usegmt=True), "Server": SERVER}
    return serialise(problem).http11_message(headers | ({"Connection": "close"} if closing else {}))
