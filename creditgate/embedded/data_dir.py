"""The embedded mode's data directory: one owner, its secret, and the settings that follow from it.

var/owner.lock  var/pepper (0600)  var/valkey/  var/valkey.sock  var/ledger.sqlite3  var/faust/
"""

import fcntl
import hmac
import os
import secrets
import tempfile
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep

from pydantic import SecretStr

from config.settings import PREFIX, Settings, load_settings
from rules.faults import CreditGateError

_LONGEST_SOCKET_PATH = 100
_TAKE_OVER = 15.0
"""Seconds to wait for the processes of an owner that died to let go."""


class DataDirectoryInUseError(CreditGateError):
    """Another CreditGate runs on this data directory; the message is a line for people."""


def claim_directory(data: Path) -> int:
    """Become the one owner of the directory; the open lock, to be handed to Valkey as well.

    As long as any process holds the lock, no second Valkey can write to the same append-only file.
    Raises ``DataDirectoryInUseError`` at once when the owner is alive.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(data / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = monotonic() + _TAKE_OVER
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(lock, 20, 0).decode().strip()
            if _alive(owner) or monotonic() > deadline:
                os.close(lock)
                raise DataDirectoryInUseError(
                    f"Another CreditGate (pid {owner or '?'}) runs on {data.resolve()}. "
                    f"Stop it, or set CREDITGATE_DATA. / 该数据目录已被另一个信用闸门进程使用。"
                ) from None
            sleep(0.1)
            continue
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def _alive(owner: str) -> bool:
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ensure_pepper(settings: Settings) -> None:
    """Make the secret of a new embedded deployment, readable by its owner only."""
    path = settings.data / "pepper"
    if settings.pepper is not None or path.exists():
        return
    part = path.with_suffix(".new")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def embedded_settings(settings: Settings) -> Settings:
    """The settings of the embedded mode for that data directory."""
    data = settings.data.resolve()
    pepper = settings.pepper or SecretStr((data / "pepper").read_text().strip())
    socket = socket_path(data)
    return settings.model_copy(
        update={
            "data": data,
            "pepper": pepper,
            "redis_url": SecretStr(f"unix://{socket}"),
            "broker_url": SecretStr(f"rstream://{socket}"),
            "ledger_url": SecretStr(f"sqlite+aiosqlite:///{data / 'ledger.sqlite3'}"),
        }
    )


def operator_settings() -> Settings:
    """Settings for a command beside a running deployment: the embedded one's, unless the environment says other."""
    settings = load_settings()
    named = any(
        os.environ.get(f"{PREFIX}{name}{suffix}") for name in ("LEDGER_URL", "REDIS_URL") for suffix in ("", "_FILE")
    )
    if named or not (settings.data / "pepper").exists():
        return settings
    return embedded_settings(settings)


def socket_path(data: Path) -> Path:
    """Where Valkey listens: in the data directory, or in a private place when that path is too long."""
    path = data / "valkey.sock"
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    place = Path(tempfile.gettempdir()) / f"creditgate-{os.getuid()}-{sha256(str(data).encode()).hexdigest()[:12]}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise PermissionError(f"{place} belongs to somebody else")
    return place / "valkey.sock"


def demo_key(settings: Settings, name: str) -> str:
    """Key of a demo client: the one that was set, else one made from the pepper, the same at each start."""
    if name == "demo" and settings.demo_key is not None:
        return settings.demo_key.get_secret_value()
    return f"cgk_{name}_{hmac.new(settings.pepper_bytes(), f'demo-key:{name}'.encode(), sha256).hexdigest()[:40]}"
