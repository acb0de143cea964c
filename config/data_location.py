"""Where data is kept when ``CREDITGATE_DATA`` is not set: never in the current directory.

in a checkout (editable install)    <checkout>/var
from an installed wheel             $XDG_DATA_HOME/creditgate, else ~/.local/share/creditgate
"""

import os
from pathlib import Path

_PROJECT_ROOT = Path(__file__).absolute().parents[1]
_CHECKOUT_FILES = ("pyproject.toml", "Makefile")
"""Files of the project's root that no wheel installs beside the packages."""
_SQLITE_URL = "sqlite+aiosqlite:///"


def default_data_directory(root: Path = _PROJECT_ROOT) -> Path:
    """The data directory of a checkout at ``root``, else the user's. Raises ``ValueError`` where there is no home.

    ``XDG_DATA_HOME`` counts only when it is absolute (XDG Base Directory Specification).
    """
    if all((root / name).is_file() for name in _CHECKOUT_FILES):
        return root / "var"
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    if configured.is_absolute():
        return configured / "creditgate"
    try:
        return Path.home() / ".local" / "share" / "creditgate"
    except RuntimeError:
        raise ValueError("there is no home directory: set CREDITGATE_DATA / 无主目录，请设置 CREDITGATE_DATA") from None


def default_ledger_url(data: Path) -> str:
    """The SQLite ledger in that data directory."""
    return f"{_SQLITE_URL}{data / 'ledger.sqlite3'}"


def absolute_path(path: Path) -> Path:
    """The path from the root, resolved against the current directory; symbolic links stay.

    A link may be switched to another file while the process runs: that is how Kubernetes updates mounted files.
    """
    return path.absolute()


def absolute_ledger_url(url: str) -> str:
    """The URL, with the path of a SQLite file resolved against the current directory."""
    path = url.removeprefix(_SQLITE_URL)
    if path == url or path.startswith(("/", ":memory:")) or not path:
        return url
    return f"{_SQLITE_URL}{absolute_path(Path(path))}"
