"""Several gateway processes that share one port: the parent starts them, starts them again, and replaces them.

The parent keeps the listening sockets and lends one to each process. So a connection that waits in the kernel's queue
when a process ends is not cut off: the next process at that seat takes it.
"""

import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from types import FrameType

import structlog

from config.logs import set_up_logs
from config.settings import Settings
from gateway.process.listener import bound, listen
from gateway.process.server import port_is_free
from gateway.process.worker import Worker
from rules.faults import CreditGateError

_LOOK = 0.05
_TO_SERVE = 60.0
_TO_END = 25.0
"""Seconds to end in, beyond draining."""
_AGAIN = 5.0
"""Seconds before another start at a seat where the last one never came to serve."""
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_log = structlog.get_logger("gateway.workers")


class NoWorkerServesError(CreditGateError):
    """The first gateway that was started ended before it served; its own log line says why."""


def run_workers(settings: Settings, count: int) -> None:
    """Run ``count`` gateways until SIGTERM or SIGINT; one that fails is started again, SIGHUP replaces them all.

    Raises ``NoWorkerServesError`` or ``OSError`` when they cannot be started at all.
    """
    set_up_logs(settings.log_format)
    if not port_is_free(settings.host, settings.port):
        raise OSError(f"port {settings.port} on {settings.host} is taken")
    with TemporaryDirectory(prefix="creditgate-metrics-") as metrics:
        os.environ.setdefault(_METRICS, metrics)
        Prefork(settings, count).run()


@dataclass(slots=True)
class Slot:
    """A place at the port: its sockets, and who serves there."""

    listeners: list[socket.socket]
    worker: Worker


class Prefork:
    """The gateways of one port."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self._to_end = settings.drain_seconds + _TO_END
        self._stopping = False
        self._replacing = False
        self._ever_served = False
        self._seats: list[Slot] = []
        self._aside: list[Worker] = []
        """Those that come or go while others hold the seats."""

    def run(self) -> None:
        """Serve until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_asked)
        signal.signal(signal.SIGHUP, self._replacement_asked)
        try:
            for _ in range(self._count):
                listeners = self._sockets(listen)
                self._seats.append(Slot(listeners, Worker.start(self._settings, listeners)))
            while not self._stopping:
                self._until(lambda: self._replacing, _TO_SERVE)
                if self._replacing and not self._stopping:
                    self._replacing = False
                    self._replace_all()
        finally:
            self._end()

    def _stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _replacement_asked(self, _number: int, _frame: FrameType | None) -> None:
        self._replacing = True

    def _sockets(self, make: Callable[..., list[socket.socket]]) -> list[socket.socket]:
        settings = self._settings
        return make(settings.host, settings.port, share_port=True, reading_deadline=settings.body_deadline)

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until that is so, and keep the seats filled meanwhile; False when it is not, or all shall stop."""
        deadline = monotonic() + seconds
        while not self._stopping and monotonic() < deadline:
            if done():
                return True
            for seat in self._seats:
                self._fill(seat)
            sleep(_LOOK)
        return False

    def _fill(self, seat: Slot) -> None:
        """Start a gateway in place of one that ended."""
        if seat.worker.has_begun():
            self._ever_served = self._ever_served or seat.worker.serving
        if seat.worker.process.is_alive():
            return
        served, pause = seat.worker.serving, 0.0
        _log.warning("gateway_ended", code=seat.worker.process.exitcode, served=served)
        seat.worker.reap()
        if not self._ever_served:
            raise NoWorkerServesError
        if not served:
            # Who knocks here would wait for nobody: the others shall answer, until one serves that can.
            _close(seat.listeners)
            seat.listeners, pause = self._sockets(bound), _AGAIN
        seat.worker = Worker.start(self._settings, seat.listeners, pause)

    def _replace_all(self) -> None:
        """A new process for each old one, one after the other; the first that does not come to serve ends it."""
        for number, seat in enumerate(self._seats):
            if not self._replace(seat):
                if not self._stopping:
                    _log.error("replacement_failed", replaced=number, kept=len(self._seats) - number)
                return
        _log.info("replaced", gateways=len(self._seats))

    def _replace(self, seat: Slot) -> bool:
        """Fill the seat anew; only when the new process serves does the old one leave."""
        successor = Worker.start(self._settings, seat.listeners)
        self._aside = [successor]
        self._until(successor.has_begun, _TO_SERVE)
        if self._stopping:
            return False
        if not successor.serving:
            self._reap([successor], 0)
            return False
        old, seat.worker = seat.worker, successor
        self._aside = [old]
        old.ask_to_end(closing=False)
        self._until(lambda: not old.process.is_alive(), self._to_end)
        if self._stopping:
            return False
        self._reap([old], 0)
        return True

    def _end(self) -> None:
        """Have all drain and end; who comes when they have shut the door is refused, whatever is still in hand."""
        everybody = [*self._aside, *(seat.worker for seat in self._seats)]
        for seat in self._seats:
            _close(seat.listeners)  # else what one still finishes would keep all who come waiting
        for worker in everybody:
            worker.ask_to_end(closing=True)
        self._reap(everybody, self._to_end)

    def _reap(self, workers: Sequence[Worker], patience: float) -> None:
        """Forget processes that end; one that does not is killed."""
        deadline = monotonic() + patience
        for worker in workers:
            worker.process.join(max(0.0, deadline - monotonic()))
            if worker.process.is_alive():
                _log.warning("killed", pid=worker.process.pid)
                worker.process.kill()
            worker.reap()
        self._aside = []


def _close(listeners: Sequence[socket.socket]) -> None:
    for listener in listeners:
        listener.close()
