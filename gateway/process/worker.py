"""One gateway process of several, as its parent sees it: started at sockets lent to it, asked to end, forgotten."""

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
from gateway.process.listener import Listener, says_serving, tell_closing
from gateway.process.server import run_gateway

_CONTEXT = multiprocessing.get_context("spawn")
_log = structlog.get_logger("gateway.workers")


@dataclass(slots=True)
class Worker:
    """One gateway process, and the line to it."""

    process: SpawnProcess
    line: Connection
    serving: bool = False

    @classmethod
    def start(cls, settings: Settings, listeners: Sequence[socket.socket], pause: float = 0.0) -> "Worker":
        """A new process at those sockets; it waits for ``pause`` seconds before it comes to serve."""
        line, its_end = _CONTEXT.Pipe()
        arguments = (settings, os.getpid(), listeners, its_end, pause)
        process = _CONTEXT.Process(target=_one, args=arguments, daemon=False)
        process.start()
        its_end.close()
        return cls(process, line)

    def has_begun(self) -> bool:
        """Whether it serves, or never will."""
        self.serving = self.serving or says_serving(self.line)
        return self.serving or not self.process.is_alive()

    def ask_to_end(self, *, closing: bool) -> None:
        """Have it drain and end; ``closing`` when nobody comes to its door after it."""
        if closing:
            tell_closing(self.line)
        if self.process.is_alive():
            self.process.terminate()

    def reap(self) -> None:
        """Forget an ended process; what it counted stays in the sums."""
        self.process.join()
        self.line.close()
        if self.process.pid is not None:
            mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call]


def _one(settings: Settings, parent: int, listeners: Sequence[socket.socket], line: Connection, pause: float) -> None:
    end_with_parent(parent)
    sleep(pause)
    try:
        run_gateway(settings, Listener(listeners, line))
    except (ConfigError, ValueError, OSError) as error:
        of_a_file = isinstance(error, ConfigError)
        _log.error("cannot_serve", faults=str(error).splitlines(), exc_info=not of_a_file)
        sys.exit(1)
