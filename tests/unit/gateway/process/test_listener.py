"""Shutting a door without losing anybody, what parent and process tell each other, and room under a hard limit."""

import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.process.listener import Listener, listen, says_serving, tell_closing


@pytest.fixture
def door() -> Iterator[Listener]:
    """A door of one's own on a free port."""
    listeners = listen("127.0.0.1", 0, share_port=False, reading_deadline=7)
    yield Listener(listeners)
    for listener in listeners:
        listener.close()


def address(door: Listener) -> tuple[str, int]:
    host, port = door.listeners[0].getsockname()
    return host, port


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a packet filter of Linux")
def test_nobody_new_comes_in_and_those_who_wait_are_kept(door: Listener) -> None:
    """After it, who is in the queue is accepted and can talk; who knocks gets no connection, then a plain refusal."""
    listener = door.listeners[0]
    with socket.create_connection(address(door), timeout=10) as waiting:
        door.let_nobody_new_in()
        with socket.socket() as late:
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.connect(address(door))
        listener.setblocking(True)
        inside, _ = listener.accept()
        with inside:
            waiting.sendall(b"question")
            assert inside.recv(100) == b"question"
            inside.sendall(b"answer")
            assert waiting.recv(100) == b"answer"
        where = address(door)
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where, timeout=10)


def test_a_lent_door_is_shut_only_when_the_parent_says_so_or_is_gone() -> None:
    """One's own may always be shut."""
    assert Listener([]).is_to_be_shut()
    parents, ours = multiprocessing.Pipe()
    door = Listener([], ours)
    assert not door.is_to_be_shut()
    tell_closing(parents)
    assert door.is_to_be_shut()
    parents.close()
    assert door.is_to_be_shut()


def test_serving_is_told_once_and_never_by_silence_or_an_end() -> None:
    """A parent hears it also after the process has ended; an end alone says nothing."""
    parents, ours = multiprocessing.Pipe()
    assert not says_serving(parents)
    Listener([], ours).tell_serving()
    ours.close()
    assert says_serving(parents)
    assert not says_serving(parents)
    parents.close()
    Listener([], ours).tell_serving()  # to nobody: no fault of this process


def test_where_the_limit_is_hard_fewer_are_let_in() -> None:
    """The bound is what can be served, not what was wished for: running out of files would harm everybody."""
    ask = "from gateway.process.connection_limit import room_for_connections as room; print(room(10_000), room(100))"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 600));"
    done = subprocess.run([sys.executable, "-c", limit + ask], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [str(600 - 256), "100"]
