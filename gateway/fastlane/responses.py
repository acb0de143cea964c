"""Whole HTTP answers of the fast lane, of which what is the same for all is made once a second."""

from email.utils import formatdate
from time import time

from gateway.web.drain_state import SERVER
from gateway.web.problems import ProblemError, serialise

_OK = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    "Date: {date}\r\nServer: {server}\r\nContent-Length: "
)


class PreparedResponses:
    """Those of one process."""

    def __init__(self) -> None:
        self._refused = 0
        self._second = 0
        self._ok = b""
        self._busy = b""

    def ok(self) -> bytes:
        """The head of a 200 up to the length of its body; made once a second, for its date."""
        self._be_of_this_second()
        return self._ok

    def busy(self) -> bytes:
        """A whole 503 `overloaded`; one for all who are refused in a second, since to refuse must cost little."""
        self._refused += 1
        self._be_of_this_second()
        return self._busy

    def _be_of_this_second(self) -> None:
        second = int(time())
        if second != self._second:
            self._second = second
            self._ok = _OK.format(date=formatdate(second, usegmt=True), server=SERVER).encode()
            self._busy = problem_bytes(ProblemError("overloaded"))

    def take_refused(self) -> int:
        """How many were refused since this was last asked."""
        refused, self._refused = self._refused, 0
        return refused


def problem_bytes(problem: ProblemError, *, closing: bool = False) -> bytes:
    """A problem as a whole response; ``closing`` tells the client that the connection ends with it."""
    headers = {"Date": formatdate(time(), usegmt=True), "Server": SERVER}
    return serialise(problem).http11_message(headers | ({"Connection": "close"} if closing else {}))
