"""The data directory of the embedded mode: its one owner, its secret, and the settings derived from it.

var/owner.lock  var/pepper (0600)  var/valkey/  var/valkey.sock  var/ledger.sqlite3  var/faust/  var/spool/  var/logs/
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

_MAX_SOCKET_PATH_CHARACTERS = 100
_TAKE_OVER_DEADLINE_S = 15.0
"""How long the processes of an owner that died may take to release the directory."""
_LOCK_RETRY_S = 0.1


class DataDirectoryInUseError(CreditGateError):
    """Another CreditGate uses this data directory; the message is for people."""


def claim_directory(data: Path) -> int:
    """Become the only owner of the directory; return the open lock file, which Valkey inherits.

    While any process has the lock, no second Valkey can write to the same append-only file.
    Raises ``DataDirectoryInUseError`` at once when the owner is running.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(data / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = monotonic() + _TAKE_OVER_DEADLINE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(lock, 20, 0).decode().strip()
            if _is_running(owner) or monotonic() > deadline:
                os.close(lock)
                raise DataDirectoryInUseError(
                    f"Another CreditGate (pid {owner or '?'}) runs on {data.resolve()}. "
                    f"Stop it, or set CREDITGATE_DATA. / 该数据目录已被另一个信用闸门进程使用。"
                ) from None
            sleep(_LOCK_RETRY_S)
            continue
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def _is_running(owner: str) -> bool:
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
    """Create the secret of a new embedded deployment, readable by its owner only."""
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
    """The settings with the pepper, Valkey socket and SQLite ledger of the data directory."""
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
    """Settings for a command beside a running deployment: those of the embedded mode where the data directory has one.

    A ledger or register named in the environment takes precedence.
    """
    settings = load_settings()
    named = any(
        os.environ.get(f"{PREFIX}{name}{suffix}") for name in ("LEDGER_URL", "REDIS_URL") for suffix in ("", "_FILE")
    )
    if named or not (settings.data / "pepper").exists():
        return settings
    return embedded_settings(settings)


def socket_path(data: Path) -> Path:
    """The socket of Valkey: in the data directory, or in a private temporary one when that path is too long."""
    path = data / "valkey.sock"
    if len(str(path)) <= _MAX_SOCKET_PATH_CHARACTERS:
        return path
    private = Path(tempfile.gettempdir()) / f"creditgate-{os.getuid()}-{sha256(str(data).encode()).hexdigest()[:12]}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise PermissionError(f"{private} belongs to another user")
    return private / "valkey.sock"


def demo_key(settings: Settings, name: str) -> str:
    """Key of a demo client: ``CREDITGATE_DEMO_KEY``, or derived from the pepper and so the same at each start."""
    if name == "demo" and settings.demo_key is not None:
        return settings.demo_key.get_secret_value()
    return f"cgk_{name}_{hmac.new(settings.pepper_bytes(), f'demo-key:{name}'.encode(), sha256).hexdigest()[:40]}"
