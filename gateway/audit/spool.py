"""Decisions on the disk of this machine while the broker is away, for whichever process sends them later.

One file is one batch. It is written aside, synced and renamed, so that what has its name is whole; it is locked while
a process sends it, so that the others leave it alone, and free again when that process is killed.
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
UNCOUNTED_BYTES = 64 * 1024 * 1024
"""What a process writes before it measures the folder again; other processes write and remove there, too."""
_ABANDONED = 60.0
"""Seconds after which a file that was not finished is nobody's."""
_EACH = 1.0
"""Seconds from one reading of the folder to the next."""
_PUT_OFF = 30.0
"""Seconds before a batch is tried again that could not be sent."""
_WHOLE, _PART, _UNREADABLE = ".decisions", ".part", ".unreadable"
_log = structlog.get_logger("gateway.spool")


class Spool:
    """The batches that wait in a folder. Its methods touch the disk: not for the loop that answers checks."""

    def __init__(
        self, folder: Path, *, max_bytes: int = MAX_SPOOL_BYTES, uncounted_bytes: int = UNCOUNTED_BYTES
    ) -> None:
        self._folder, self._max_bytes, self._uncounted_bytes = folder, max_bytes, uncounted_bytes
        self._room = 0
        """Bytes that may be written before the folder is measured again."""
        self._found: deque[Path] = deque()
        self._read_at = -_EACH
        self._later: dict[Path, float] = {}

    def keep(self, batch: bytes) -> None:
        """Write a batch; it is on the disk when this returns. Raises ``OSError``, leaving nothing behind."""
        if len(batch) > self._room:
            self._room = min(max(self._uncounted_bytes, len(batch)), self._max_bytes - self._measure())
            if len(batch) > self._room:
                raise OSError(errno.EDQUOT, "the spool is full")
        name = f"{time_ns():020d}-{uuid4().hex}"
        part = self._folder / f"{name}{_PART}"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(batch)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / f"{name}{_WHOLE}")
            _sync(self._folder)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self._room -= len(batch)

    def waiting(self, most: int | None = None) -> list[Path]:
        """The oldest batches; also those of a process that ended before the broker was back."""
        return sorted(self._folder.glob(f"*{_WHOLE}"))[:most]

    @property
    def may_have_more(self) -> bool:
        """Whether ``next`` may find one; asked without touching the disk."""
        return bool(self._found) or self._to_be_read

    @property
    def _to_be_read(self) -> bool:
        return not self._found and monotonic() - self._read_at >= _EACH

    def next(self) -> Path | None:
        """The next batch to try. After a long outage there are very many: the folder is read once for all of them."""
        if self._to_be_read:
            self._read()
            self._read_at = monotonic()
        return self._found.popleft() if self._found else None

    def put_off(self, path: Path) -> None:
        """It could not be sent: the others first, and it again after a while."""
        self._later[path] = monotonic() + _PUT_OFF

    @contextmanager
    def taken(self, path: Path) -> Iterator[bytes | None]:
        """A batch for as long as it is being sent; None where another process sends it. Raises ``OSError``."""
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
            # Another may have sent and removed it between the two calls.
            yield file.read() if path.exists() else None

    def drop(self, path: Path) -> None:
        """It is on its topic."""
        path.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """It cannot be read: kept for somebody to look at, out of the way of the others."""
        path.rename(path.with_suffix(_UNREADABLE))
        _log.error("spooled_batch_unreadable", file=path.stem)

    def _read(self) -> None:
        """Find what waits, and remove what a killed process, or a full disk, left unfinished."""
        now = monotonic()
        self._later = {path: then for path, then in self._later.items() if then > now}
        self._found = deque(path for path in self.waiting() if path not in self._later)
        for part in self._folder.glob(f"*{_PART}"):
            if _size_and_time(part)[1] < time() - _ABANDONED:
                part.unlink(missing_ok=True)

    def _measure(self) -> int:
        """Bytes in the folder, which is made where it is missing."""
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _sync(self._folder.parent)
        return sum(_size_and_time(path)[0] for path in self._folder.iterdir())


def _size_and_time(path: Path) -> tuple[int, float]:
    """Of a file that another process may remove meanwhile."""
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
