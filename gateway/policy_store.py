"""The policy in force, replaced as a whole when its file changes; an invalid file leaves the last valid one."""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import structlog

from config.files import ConfigError
from config.policy_file import load_policy
from gateway.metrics import POLICY_REFUSED, POLICY_RELOADS
from rules.policy.pack import Policy

_RELOAD_INTERVAL_S = 1.0
_log = structlog.get_logger("gateway.policy")


class PolicyStore:
    """The policy of this process. Raises ``ConfigError`` when the first file is invalid."""

    def __init__(self, path: Path, load: Callable[[Path], Policy] = load_policy) -> None:
        self._path = path
        self._load = load
        self._digest = _digest(path)
        self.current = load(path)
        self.refused = False
        """Whether the file on disk is invalid, so that an earlier one is in force."""

    def reload(self) -> bool:
        """Load the file if it changed; return whether it is the one in force."""
        digest = _digest(self._path)
        if digest == self._digest:
            return not self.refused
        self._digest = digest
        try:
            self.current = self._load(self._path)
        except ConfigError as error:
            self.refused = True
            _log.error("policy_refused", kept=self.current.digest, faults=str(error).splitlines())
        else:
            self.refused = False
            _log.info("policy_in_force", **self.current.reference)
        POLICY_RELOADS.labels("refused" if self.refused else "taken").inc()
        POLICY_REFUSED.set(int(self.refused))
        return not self.refused

    async def keep_fresh(self) -> None:
        """Reload for as long as the process runs."""
        while True:
            await asyncio.sleep(_RELOAD_INTERVAL_S)
            self.reload()


def _digest(path: Path) -> str:
    """Of the content, not of the date: an editor may write a file in steps, or write it unchanged."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
