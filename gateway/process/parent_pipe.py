"""The messages that a parent and its gateway process exchange over their pipe.

process ── "serving" ─▶ parent     it accepts connections
parent ── "closing" ─▶ process     no successor will serve its sockets
"""

from contextlib import suppress
from multiprocessing.connection import Connection

_SERVING, _CLOSING = b"serving", b"closing"


def report_serving(pipe: Connection) -> None:
    """The process's side: say that it accepts connections. A parent that has ended is ignored."""
    with suppress(OSError):
        pipe.send_bytes(_SERVING)


def reports_serving(pipe: Connection) -> bool:
    """The parent's side: whether the process has said so by now."""
    try:
        return pipe.poll() and pipe.recv_bytes() == _SERVING
    except (EOFError, OSError):
        return False


def announce_closing(pipe: Connection) -> None:
    """The parent's side: say that no successor will serve the process's sockets."""
    with suppress(OSError):
        pipe.send_bytes(_CLOSING)


def closing_announced(pipe: Connection) -> bool:
    """The process's side: whether the parent has said so, or has ended."""
    try:
        return pipe.poll() and pipe.recv_bytes() == _CLOSING
    except (EOFError, OSError):
        return True
