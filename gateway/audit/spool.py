"""The spool: decisions in files on this machine, for any gateway process to send once the broker answers again.

One file is one batch. It is written under another name, synced and renamed, so that a file with its final name is
complete. It is locked while a process sends it, so that the others skip it; a killed process releases its lock.
"""

import errno
import fcntl
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, time, time_ns
from uuid import uuid4

import structlog

MAX_SPOOL_BYTES = 1024 * 1024 * 1024
MEASURE_AFTER_BYTES = 64 * 1024 * 1024
"""What a process writes before it measures the folder again; other processes write and remove there too."""
_ABANDONED_AFTER_S = 60.0
"""An unfinished file that is older was left by a process that ended."""
_SCAN_INTERVAL_S = 1.0
_POSTPONE_S = 30.0
_COMPLETE, _UNFINISHED, _UNREADABLE = ".decisions", ".part", ".unreadable"
_log = structlog.get_logger("gateway.spool")


class Spool:
    """The batches in a folder. Its methods access the disk: do not call them from the event loop."""

    def __init__(
        self, folder: Path, *, max_bytes: int = MAX_SPOOL_BYTES, measure_after_bytes: int = MEASURE_AFTER_BYTES
    ) -> None:
        self._folder, self._max_bytes, self._measure_after_bytes = folder, max_bytes, measure_after_bytes
        self._allowance = 0
        """Bytes that may be written before the folder is measured again."""
        self._found: deque[Path] = deque()
        self._scanned_at = -_SCAN_INTERVAL_S
        self._postponed: dict[Path, float] = {}

    def write(self, batch: bytes) -> None:
        """Write a batch; it is on the disk when this returns. Raises ``OSError`` and leaves no file behind."""
        if len(batch) > self._allowance:
            self._allowance = min(max(self._measure_after_bytes, len(batch)), self._max_bytes - self._measure())
            if len(batch) > self._allowance:
                raise OSError(errno.EDQUOT, "the spool is full")
        name = f"{time_ns():020d}-{uuid4().hex}"
        unfinished = self._folder / f"{name}{_UNFINISHED}"
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(batch)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / f"{name}{_COMPLETE}")
            _sync(self._folder)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        self._allowance -= len(batch)

    def pending(self, most: int | None = None) -> list[Path]:
        """The oldest batches, whichever process wrote them."""
        return sorted(self._folder.glob(f"*{_COMPLETE}"))[:most]

    @property
    def may_have_more(self) -> bool:
        """Whether ``next_file`` may find a batch; does not access the disk."""
        return bool(self._found) or self._scan_is_due

    @property
    def _scan_is_due(self) -> bool:
        return not self._found and monotonic() - self._scanned_at >= _SCAN_INTERVAL_S

    def next_file(self) -> Path | None:
        """The next batch to send. One scan of the folder serves many calls: after a long outage it holds many files."""
        if self._scan_is_due:
            self._scan()
            self._scanned_at = monotonic()
        return self._found.popleft() if self._found else None

    def postpone(self, path: Path) -> None:
        """Do not return a batch again for 30 s: it could not be sent, and the others come first."""
        self._postponed[path] = monotonic() + _POSTPONE_S

    @contextmanager
    def locked(self, path: Path) -> Iterator[bytes | None]:
        """A batch, locked while it is sent; None when another process sends it. Raises ``OSError``."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            # Another process may have sent and removed it between the two calls.
            yield file.read() if path.exists() else None

    def remove(self, path: Path) -> None:
        """Remove a batch that was sent."""
        path.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """Rename a batch that cannot be read, so that it is kept for inspection and not tried again."""
        path.rename(path.with_suffix(_UNREADABLE))
        _log.error("spooled_batch_unreadable", file=path.stem)

    def _scan(self) -> None:
        """Find the batches to send, and remove files that a killed process, or a full disk, left unfinished."""
        now = monotonic()
        self._postponed = {path: until for path, until in self._postponed.items() if until > now}
        self._found = deque(path for path in self.pending() if path not in self._postponed)
        for unfinished in self._folder.glob(f"*{_UNFINISHED}"):
            if _size_and_mtime(unfinished)[1] < time() - _ABANDONED_AFTER_S:
                unfinished.unlink(missing_ok=True)

    def _measure(self) -> int:
        """The bytes in the folder, which is created when it does not exist."""
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sync(self._folder.parent)
        return sum(_size_and_mtime(path)[0] for path in self._folder.iterdir())


def _size_and_mtime(path: Path) -> tuple[int, float]:
    """Size and time of modification; of a file that was removed meanwhile, zero and now."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, time()
    return stat.st_size, stat.st_mtime


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
