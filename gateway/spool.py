"""Decisions on the disk of this machine while the broker is away, for whichever process sends them later.

One file is one batch. It is written aside, synced and renamed, so that what has its name is whole; it is locked while
a process sends it, so that the others leave it alone, and free again when that process is killed.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time, time_ns
from uuid import uuid4

import structlog

_MOST_BYTES = 1024 * 1024 * 1024
_ABANDONED = 60.0
"""Seconds after which a file that was not finished is nobody's."""
_WHOLE, _PART, _UNREADABLE = ".decisions", ".part", ".unreadable"
_log = structlog.get_logger("gateway.spool")


class Spool:
    """The batches that wait in a folder. Its methods touch the disk: not for the loop that answers checks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._size: int | None = None
        """Bytes in the folder when it was first looked at, and what this process wrote since."""

    def keep(self, batch: bytes) -> None:
        """Write a batch; it is on the disk when this returns. Raises ``OSError``, leaving nothing behind."""
        if self._size is None:
            self._size = self._look()
        if self._size + len(batch) > _MOST_BYTES:
            self._size = self._look()
            if self._size + len(batch) > _MOST_BYTES:
                raise OSError("the spool is full")
        name = f"{time_ns():020d}-{uuid4().hex}"
        part = self._folder / f"{name}{_PART}"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(batch)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / f"{name}{_WHOLE}")
            self._sync()
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self._size += len(batch)

    def waiting(self, most: int) -> list[Path]:
        """The oldest batches; also those of a process that ended before the broker was back."""
        if not self._folder.is_dir():
            return []
        return sorted(self._folder.glob(f"*{_WHOLE}"))[:most]

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
        if self._size is not None:
            self._size = max(0, self._size - path.stat().st_size)
        path.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """It cannot be read: kept for somebody to look at, out of the way of the others."""
        path.rename(path.with_suffix(_UNREADABLE))
        _log.error("spooled_batch_unreadable", file=path.stem)

    def _look(self) -> int:
        """Bytes in the folder, after what was never finished is removed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = 0
        for path in self._folder.iterdir():
            stat = path.stat()
            if path.suffix == _PART and stat.st_mtime < time() - _ABANDONED:
                path.unlink(missing_ok=True)
            else:
                size += stat.st_size
        return size

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
