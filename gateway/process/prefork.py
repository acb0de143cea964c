"""Several gateway processes that share one port: the parent starts, restarts and replaces them.

    parent ─┬─ slot 1: sockets ─▶ worker
            ├─ slot 2: sockets ─▶ worker, and its successor while it is replaced
            └─ …

The parent keeps the listening sockets and lends those of a slot to its worker. So a connection that is queued in the
kernel when a worker ends is not lost: the slot's next worker accepts it.
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
from gateway.process.listener import bound_sockets, close_sockets, listening_sockets, port_is_free
from gateway.process.worker import Worker
from rules.faults import CreditGateError

_POLL_INTERVAL_S = 0.05
_START_DEADLINE_S = 60.0
_END_DEADLINE_S = 25.0
"""For a worker to end, beyond ``drain_seconds``."""
_RESTART_DELAY_S = 5.0
"""Before a slot whose last worker never served is tried again."""
_METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_log = structlog.get_logger("gateway.workers")


class NoWorkerServesError(CreditGateError):
    """The first worker ended before it served; its own log line says why."""


def run_workers(settings: Settings, count: int) -> None:
    """Run ``count`` gateways until SIGTERM or SIGINT; a failed one is restarted, SIGHUP replaces them all.

    Raises ``NoWorkerServesError`` or ``OSError`` when they cannot be started at all.
    """
    set_up_logs(settings.log_format)
    if not port_is_free(settings.host, settings.port):
        raise OSError(f"port {settings.port} on {settings.host} is taken")
    with TemporaryDirectory(prefix="creditgate-metrics-") as metrics:
        os.environ.setdefault(_METRICS_DIRECTORY, metrics)
        Prefork(settings, count).run()


@dataclass(slots=True)
class Slot:
    """Sockets on the port, and the worker that serves them."""

    sockets: list[socket.socket]
    worker: Worker


class Prefork:
    """The parent of the gateways of one port."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self._end_deadline_s = settings.drain_seconds + _END_DEADLINE_S
        self._stopping = False
        self._replacement_due = False
        self._has_served = False
        """Whether any worker ever served."""
        self._slots: list[Slot] = []
        self._in_transition: list[Worker] = []
        """Workers that start or end while others hold the slots."""

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_replace)
        try:
            for _ in range(self._count):
                sockets = self._sockets(listening_sockets)
                self._slots.append(Slot(sockets, Worker.start(self._settings, sockets)))
            while not self._stopping:
                self._supervise_until(lambda: self._replacement_due, _START_DEADLINE_S)
                if self._replacement_due and not self._stopping:
                    self._replacement_due = False
                    self._replace_all()
        finally:
            self._end_all()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _on_replace(self, _number: int, _frame: FrameType | None) -> None:
        self._replacement_due = True

    def _sockets(self, make: Callable[..., list[socket.socket]]) -> list[socket.socket]:
        settings = self._settings
        return make(settings.host, settings.port, share_port=True, write_deadline=settings.body_deadline)

    def _supervise_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Keep every slot served until the condition holds; False on a timeout or when the parent shall stop."""
        deadline = monotonic() + seconds
        while not self._stopping and monotonic() < deadline:
            if condition():
                return True
            for slot in self._slots:
                self._restart_if_ended(slot)
            sleep(_POLL_INTERVAL_S)
        return False

    def _restart_if_ended(self, slot: Slot) -> None:
        """Start a worker in place of one that ended. Raises ``NoWorkerServesError`` if no worker ever served."""
        if slot.worker.has_started_or_ended():
            self._has_served = self._has_served or slot.worker.serving
        if slot.worker.process.is_alive():
            return
        served, delay_s = slot.worker.serving, 0.0
        _log.warning("gateway_ended", code=slot.worker.process.exitcode, served=served)
        slot.worker.reap()
        if not self._has_served:
            raise NoWorkerServesError
        if not served:
            # Connections queued here would wait in vain. Bound sockets that do not listen leave them to other slots.
            close_sockets(slot.sockets)
            slot.sockets, delay_s = self._sockets(bound_sockets), _RESTART_DELAY_S
        slot.worker = Worker.start(self._settings, slot.sockets, delay_s)

    def _replace_all(self) -> None:
        """Replace the workers one after the other; stop at the first successor that does not come to serve."""
        for number, slot in enumerate(self._slots):
            if not self._replace(slot):
                if not self._stopping:
                    _log.error("replacement_failed", replaced=number, kept=len(self._slots) - number)
                return
        _log.info("replaced", gateways=len(self._slots))

    def _replace(self, slot: Slot) -> bool:
        """Start a successor in the slot; only when it serves does the old worker drain."""
        successor = Worker.start(self._settings, slot.sockets)
        self._in_transition = [successor]
        self._supervise_until(successor.has_started_or_ended, _START_DEADLINE_S)
        if self._stopping:
            return False
        if not successor.serving:
            self._reap([successor], 0)
            return False
        old, slot.worker = slot.worker, successor
        self._in_transition = [old]
        old.ask_to_end(closing=False)
        self._supervise_until(lambda: not old.process.is_alive(), self._end_deadline_s)
        if self._stopping:
            return False
        self._reap([old], 0)
        return True

    def _end_all(self) -> None:
        """Have all workers drain and end. Once they have closed their sockets, new connections are refused."""
        workers = [*self._in_transition, *(slot.worker for slot in self._slots)]
        for slot in self._slots:
            close_sockets(slot.sockets)  # else connections would queue while a worker still finishes requests
        for worker in workers:
            worker.ask_to_end(closing=True)
        self._reap(workers, self._end_deadline_s)

    def _reap(self, workers: Sequence[Worker], seconds: float) -> None:
        """Wait for the workers to end, and kill those that have not ended in time."""
        deadline = monotonic() + seconds
        for worker in workers:
            worker.process.join(max(0.0, deadline - monotonic()))
            if worker.process.is_alive():
                _log.warning("killed", pid=worker.process.pid)
                worker.process.kill()
            worker.reap()
        self._in_transition = []
