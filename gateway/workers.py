"""Several gateway processes that share one port: the parent starts them and passes signals on."""

import multiprocessing
import os
import signal
import tempfile
from multiprocessing.context import SpawnProcess
from types import FrameType

import structlog
from prometheus_client.multiprocess import mark_process_dead

from config.logs import set_up_logs
from config.parent import end_with_parent
from config.settings import Settings
from gateway.server import run_gateway

_log = structlog.get_logger("gateway.workers")


def run_workers(settings: Settings, count: int) -> None:
    """Run ``count`` gateways until SIGTERM or SIGINT; one that fails is started again."""
    set_up_logs(settings.log_format)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="creditgate-metrics-"))
    context = multiprocessing.get_context("spawn")
    stopping = False
    running: list[SpawnProcess] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for process in running:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, number)

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        pass_on(signal.SIGTERM, None)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, pass_on)  # each takes up a changed policy
    while not stopping:
        while len(running) < count and not stopping:
            process = context.Process(target=_one, args=(settings, os.getpid()), daemon=False)
            process.start()
            running.append(process)
        for process in list(running):
            process.join(timeout=0.2)
            if not process.is_alive():
                running.remove(process)
                if process.pid is not None:
                    mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
                if not stopping:
                    _log.warning("gateway_ended", code=process.exitcode)
    for process in running:
        process.join()


def _one(settings: Settings, parent: int) -> None:
    end_with_parent(parent)
    run_gateway(settings, share_port=True)
