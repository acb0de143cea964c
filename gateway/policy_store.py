"""The policy in force, swapped whole when its file changes; a file that is refused leaves the one before it."""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import structlog

from config.files import ConfigError
from config.policy_file import load_policy
from gateway.metrics import POLICY_REFUSED, POLICY_RELOADS
from rules.policy.pack import Policy

_PERIOD = 1.0
_log = structlog.get_logger("gateway.policy")


class PolicyStore:
    """Holds the policy of this process. Raises ``ConfigError`` when the first one cannot be used."""

    def __init__(self, path: Path, load: Callable[[Path], Policy] = load_policy) -> None:
        self._path = path
        self._load = load
        self._seen = _digest(path)
        self.current = load(path)
        self.refused = False
        """Whether the file on disk is not the one in force, because it cannot be used."""

    def reload(self) -> bool:
        """Take up the file if it changed; whether it is the one in force now."""
        seen = _digest(self._path)
        if seen == self._seen:
            return not self.refused
        self._seen = seen
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
        """Look at the file for as long as the process runs."""
        while True:
            await asyncio.sleep(_PERIOD)
            self.reload()


def _digest(path: Path) -> str:
    """Of the content, not of its date: an editor may write a file in steps, or the same one again."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
