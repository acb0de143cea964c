"""The file formats in force, replaced as a whole when a file in their folder changes."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import structlog

from config.files import ConfigError
from gateway.metrics import FORMAT_RELOADS, FORMATS_REFUSED
from intake.formats.loader import load_formats
from intake.formats.model import Format

_POLL_INTERVAL_S = 1.0
_log = structlog.get_logger("gateway.formats")


class FormatStore:
    """The formats of this process by name. Raises ``ConfigError`` when the first ones cannot be used.

    A set that is refused leaves the one before it in force.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digest = _digest(folder)
        self.current: Mapping[str, Format] = load_formats(folder)
        self.refused = False
        """Whether the files on disk cannot be used, so that those in force are older."""

    def reload(self) -> bool:
        """Load the files if one changed; whether those on disk are in force now."""
        digest = _digest(self._folder)
        if digest == self._digest:
            return not self.refused
        self._digest = digest
        try:
            if not self._folder.is_dir():
                raise ConfigError(f"{self._folder}: no such folder")
            self.current = load_formats(self._folder)
        except ConfigError as error:
            self.refused = True
            _log.error("formats_refused", kept=sorted(self.current), faults=str(error).splitlines())
        else:
            self.refused = False
            _log.info("formats_in_force", formats=sorted(self.current))
        FORMAT_RELOADS.labels("refused" if self.refused else "taken").inc()
        FORMATS_REFUSED.set(int(self.refused))
        return not self.refused

    async def keep_fresh(self) -> None:
        """Look at the files for as long as the process runs."""
        while True:
            await asyncio.sleep(_POLL_INTERVAL_S)
            self.reload()


def _digest(folder: Path) -> str:
    """Of names and contents, not of dates: an editor may write a file in steps, or the same content again."""
    digest = sha256(str(folder.is_dir()).encode())
    for path in sorted(folder.glob("*.yaml")):
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        digest.update(path.name.encode() + b"\x00" + sha256(content).digest())
    return digest.hexdigest()
