"""Several gateway processes that share one port: the parent starts them, starts them again, and replaces them.

The parent keeps the listening sockets and lends one to each process. So a connection that waits in the kernel's queue
when a process ends is not cut off: the next process at that seat takes it.
"""

import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from time import monotonic, sleep
from types import FrameType

import structlog
from prometheus_client.multiprocess import mark_process_dead

from config.logs import set_up_logs
from config.parent import end_with_parent
from config.settings import Settings
from gateway.door import Door, listen, says_serving, tell_replaced
from gateway.server import run_gateway

_LOOK = 0.05
_TO_SERVE = 60.0
_TO_END = 20.0
"""Seconds to end in, beyond draining."""
_CONTEXT = multiprocessing.get_context("spawn")
_log = structlog.get_logger("gateway.workers")


def run_workers(settings: Settings, count: int) -> None:
    """Run ``count`` gateways until SIGTERM or SIGINT; one that fails is started again, SIGHUP replaces them all."""
    set_up_logs(settings.log_format)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="creditgate-metrics-"))
    Crew(settings, count).run()


@dataclass(slots=True)
class Worker:
    """One gateway process, and the line to it."""

    process: SpawnProcess
    line: Connection
    serving: bool = False

    @classmethod
    def start(cls, settings: Settings, listeners: list[socket.socket]) -> "Worker":
        """A new process at those sockets."""
        line, its_end = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_one, args=(settings, os.getpid(), listeners, its_end), daemon=False)
        process.start()
        its_end.close()
        return cls(process, line)

    def has_begun(self) -> bool:
        """Whether it serves, or never will."""
        self.serving = self.serving or says_serving(self.line)
        return self.serving or not self.process.is_alive()

    def ask_to_end(self) -> None:
        """Have it drain and end."""
        if self.process.is_alive():
            self.process.terminate()

    def bury(self) -> None:
        """Forget an ended process; what it counted stays in the sums."""
        self.process.join()
        self.line.close()
        if self.process.pid is not None:
            mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Seat:
    """A place at the port: its sockets, and who serves there."""

    listeners: list[socket.socket]
    worker: Worker


class Crew:
    """The gateways of one port."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self._to_end = settings.drain_seconds + _TO_END
        self._stopping = False
        self._replacing = False
        self._seats: list[Seat] = []
        self._aside: list[Worker] = []
        """Those that come or go while others hold the seats."""

    def run(self) -> None:
        """Serve until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_asked)
        signal.signal(signal.SIGHUP, self._replacement_asked)
        for _ in range(self._count):
            listeners = self._listen()
            self._seats.append(Seat(listeners, Worker.start(self._settings, listeners)))
        while not self._stopping:
            self._until(lambda: self._replacing, _TO_SERVE)
            if self._replacing and not self._stopping:
                self._replacing = False
                self._replace_all()
        self._end()

    def _stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _replacement_asked(self, _number: int, _frame: FrameType | None) -> None:
        self._replacing = True

    def _listen(self) -> list[socket.socket]:
        settings = self._settings
        return listen(settings.host, settings.port, share_port=True, reading_deadline=settings.body_deadline)

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until that is so, and keep the seats filled meanwhile; False when it is not, or all shall stop."""
        deadline = monotonic() + seconds
        while not self._stopping and monotonic() < deadline:
            if done():
                return True
            for seat in self._seats:
                if not seat.worker.process.is_alive():
                    _log.warning("gateway_ended", code=seat.worker.process.exitcode)
                    seat.worker.bury()
                    seat.worker = Worker.start(self._settings, seat.listeners)
            sleep(_LOOK)
        return False

    def _replace_all(self) -> None:
        """A new process for each old one, one after the other; the first that does not come to serve ends it."""
        for number, seat in enumerate(self._seats):
            if not self._replace(seat):
                if not self._stopping:
                    _log.error("replacement_failed", replaced=number, kept=len(self._seats) - number)
                return
        _log.info("replaced", gateways=len(self._seats))

    def _replace(self, seat: Seat) -> bool:
        """Fill the seat anew; only when the new process serves does the old one leave."""
        successor = Worker.start(self._settings, seat.listeners)
        self._aside = [successor]
        self._until(successor.has_begun, _TO_SERVE)
        if self._stopping:
            return False
        if not successor.serving:
            self._bury([successor], 0)
            return False
        old, seat.worker = seat.worker, successor
        self._aside = [old]
        tell_replaced(old.line)
        old.ask_to_end()
        self._until(lambda: not old.process.is_alive(), self._to_end)
        if self._stopping:
            return False
        self._bury([old], 0)
        return True

    def _end(self) -> None:
        """Have all drain and end; the port is free after that."""
        everybody = [*self._aside, *(seat.worker for seat in self._seats)]
        for worker in everybody:
            worker.ask_to_end()
        self._bury(everybody, self._to_end)
        for seat in self._seats:
            for listener in seat.listeners:
                listener.close()

    def _bury(self, workers: Sequence[Worker], patience: float) -> None:
        """Forget processes that end; one that does not is killed."""
        deadline = monotonic() + patience
        for worker in workers:
            worker.process.join(max(0.0, deadline - monotonic()))
            if worker.process.is_alive():
                _log.warning("killed", pid=worker.process.pid)
                worker.process.kill()
            worker.bury()
        self._aside = []


def _one(settings: Settings, parent: int, listeners: list[socket.socket], line: Connection) -> None:
    end_with_parent(parent)
    run_gateway(settings, Door(listeners, line))
