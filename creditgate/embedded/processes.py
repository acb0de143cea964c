"""Child processes that end with their parent and are restarted when they end on their own."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from config.parent_death import end_with_parent

_FIRST_RESTART_DELAY_S = 0.2
_MAX_RESTART_DELAY_S = 5.0
_STABLE_AFTER_S = 30
"""A process that ran this long is restarted with the first delay again."""
_log = structlog.get_logger("supervisor")


@dataclass
class SupervisedProcess:
    """One child process. It is killed ``stop_deadline_s`` after SIGTERM; ``inherited_fds`` stay open in it."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    stdin: bytes | None = None
    inherited_fds: tuple[int, ...] = ()
    stop_deadline_s: float = 25.0
    _process: Process | None = field(default=None, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _stopping: bool = False

    def start(self) -> None:
        """Start the process, and restart it whenever it ends."""
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL when the process does not end in time."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.stop_deadline_s)
            except TimeoutError:
                _log.warning("process_killed", name=self.name)
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_running(self) -> None:
        delay = _FIRST_RESTART_DELAY_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            code = await self._run_once()
            if self._stopping:
                return
            stable = loop.time() - began > _STABLE_AFTER_S
            delay = _FIRST_RESTART_DELAY_S if stable else min(delay * 2, _MAX_RESTART_DELAY_S)
            _log.warning("process_ended", name=self.name, code=code, restart_in=delay, log=str(self.log))
            await asyncio.sleep(delay)

    async def _run_once(self) -> int:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                stdin=PIPE if self.stdin is not None else DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.inherited_fds,
                start_new_session=True,  # Ctrl-C reaches the parent only, which stops its children in order
                preexec_fn=partial(end_with_parent, os.getpid()),
            )
        if self.stdin is not None and self._process.stdin is not None:
            self._process.stdin.write(self.stdin)
            await self._process.stdin.drain()
            self._process.stdin.close()
        return await self._process.wait()
