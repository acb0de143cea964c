"""Child processes that die with their parent and are started again when they fail."""

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

_FIRST_DELAY = 0.2
_LONGEST_DELAY = 5.0
_log = structlog.get_logger("supervisor")


@dataclass
class Child:
    """One supervised process. ``grace`` is how many seconds it may take to stop."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    stdin: bytes | None = None
    keep_open: tuple[int, ...] = ()
    grace: float = 25.0
    _process: Process | None = field(default=None, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _stopping: bool = False

    def start(self) -> None:
        """Start it and keep it running."""
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.grace)
            except TimeoutError:
                _log.warning("killed", child=self.name)
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_running(self) -> None:
        delay = _FIRST_DELAY
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            code = await self._run_once()
            if self._stopping:
                return
            delay = _FIRST_DELAY if loop.time() - began > 30 else min(delay * 2, _LONGEST_DELAY)
            _log.warning("child_ended", child=self.name, code=code, restart_in=delay, log=str(self.log))
            await asyncio.sleep(delay)

    async def _run_once(self) -> int:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                stdin=PIPE if self.stdin is not None else DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.keep_open,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its children in order
                preexec_fn=partial(end_with_parent, os.getpid()),
            )
        if self.stdin is not None and self._process.stdin is not None:
            self._process.stdin.write(self.stdin)
            await self._process.stdin.drain()
            self._process.stdin.close()
        return await self._process.wait()
