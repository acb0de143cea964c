"""One gateway process of several, as its parent sees it: started on lent sockets, asked to end, reaped."""

import multiprocessing
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from time import sleep

import structlog
from prometheus_client.multiprocess import mark_process_dead

from config.files import ConfigError
from config.parent_death import end_with_parent
from config.settings import Settings
from gateway.process.listener import Listener
from gateway.process.parent_pipe import announce_closing, reports_serving
from gateway.process.server import run_gateway

_CONTEXT = multiprocessing.get_context("spawn")
_log = structlog.get_logger("gateway.workers")


@dataclass(slots=True)
class Worker:
    """One gateway process, and the parent's end of the pipe to it."""

    process: SpawnProcess
    pipe: Connection
    serving: bool = False

    @classmethod
    def start(cls, settings: Settings, sockets: Sequence[socket.socket], delay_s: float = 0.0) -> "Worker":
        """A new process on those sockets; it begins its work after ``delay_s``."""
        pipe, worker_end = _CONTEXT.Pipe()
        arguments = (settings, os.getpid(), sockets, worker_end, delay_s)
        process = _CONTEXT.Process(target=_run, args=arguments, daemon=False)
        process.start()
        worker_end.close()
        return cls(process, pipe)

    def has_started_or_ended(self) -> bool:
        """Whether it serves, or has ended and never will."""
        self.serving = self.serving or reports_serving(self.pipe)
        return self.serving or not self.process.is_alive()

    def ask_to_end(self, *, closing: bool) -> None:
        """Have it drain and end; ``closing`` when no successor will serve its sockets."""
        if closing:
            announce_closing(self.pipe)
        if self.process.is_alive():
            self.process.terminate()

    def reap(self) -> None:
        """Release an ended process; its counters stay in the sums of the metrics."""
        self.process.join()
        self.pipe.close()
        if self.process.pid is not None:
            mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call]


def _run(settings: Settings, parent: int, sockets: Sequence[socket.socket], pipe: Connection, delay_s: float) -> None:
    end_with_parent(parent)
    sleep(delay_s)
    try:
        run_gateway(settings, Listener(sockets, pipe))
    except (ConfigError, ValueError, OSError) as error:
        is_config_fault = isinstance(error, ConfigError)
        _log.error("cannot_serve", faults=str(error).splitlines(), exc_info=not is_config_fault)
        sys.exit(1)
