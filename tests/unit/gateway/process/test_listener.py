"""Closing sockets without losing a connection, the pipe between parent and process, and the limit of open files."""

import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.process.listener import Listener, listening_sockets
from gateway.process.parent_pipe import announce_closing, reports_serving


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener of one socket on a free port."""
    sockets = listening_sockets("127.0.0.1", 0, share_port=False, write_deadline=7)
    yield Listener(sockets)
    for each in sockets:
        each.close()


def address(listener: Listener) -> tuple[str, int]:
    host, port = listener.sockets[0].getsockname()
    return host, port


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a packet filter of Linux")
def test_stopped_listener_keeps_waiting_connections(listener: Listener) -> None:
    """A queued connection is accepted and works; a new one times out, and is refused once the socket is closed."""
    own = listener.sockets[0]
    with socket.create_connection(address(listener), timeout=10) as waiting:
        listener.stop_accepting()
        with socket.socket() as late:
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.connect(address(listener))
        own.setblocking(True)
        inside, _ = own.accept()
        with inside:
            waiting.sendall(b"question")
            assert inside.recv(100) == b"question"
            inside.sendall(b"answer")
            assert waiting.recv(100) == b"answer"
        where = address(listener)
        own.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where, timeout=10)


def test_lent_socket_closes_with_its_parent() -> None:
    """Without a parent a listener may always close; with one, only after its announcement or its end."""
    assert Listener([]).has_no_successor()
    parents, ours = multiprocessing.Pipe()
    lent = Listener([], ours)
    assert not lent.has_no_successor()
    announce_closing(parents)
    assert lent.has_no_successor()
    parents.close()
    assert lent.has_no_successor()


def test_readiness_is_reported_once() -> None:
    """The parent reads the report also after the process has ended; an end without a report is no readiness."""
    parents, ours = multiprocessing.Pipe()
    assert not reports_serving(parents)
    Listener([], ours).report_serving()
    ours.close()
    assert reports_serving(parents)
    assert not reports_serving(parents)
    parents.close()
    Listener([], ours).report_serving()  # the parent has closed its end: no error in this process


def test_hard_file_limit_lowers_the_connection_limit() -> None:
    """The limit is what the hard limit of open files allows: exhausting them would affect all connections."""
    ask = "from gateway.process.connection_limit import room_for_connections as room; print(room(10_000), room(100))"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 600));"
    done = subprocess.run([sys.executable, "-c", limit + ask], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [str(600 - 256), "100"]
