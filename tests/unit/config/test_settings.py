"""Settings do not depend on the current directory, and each has an explanation."""

import os
from pathlib import Path

import pytest

from config.data_location import default_data_directory
from config.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory is not the checkout, and the environment has no settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return tmp_path


def test_a_checkout_keeps_its_data_in_var() -> None:
    """From any current directory, data go to var/ of the checkout, the default ledger included."""
    settings = load_settings()
    assert settings.data == ROOT / "var"
    assert settings.ledger_url.get_secret_value() == f"sqlite+aiosqlite:///{ROOT}/var/ledger.sqlite3"


def test_an_installed_package_keeps_its_data_for_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data go to XDG_DATA_HOME if it is absolute, else to ~/.local/share."""
    monkeypatch.setenv("HOME", "/home/clerk")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_directory(tmp_path) == Path("/home/clerk/.local/share/creditgate")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_directory(tmp_path) == Path("/home/clerk/.local/share/creditgate")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert default_data_directory(tmp_path) == Path("/srv/data/creditgate")


def test_relative_paths_are_resolved_once(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths become absolute at the start; a later change of directory does not change them."""
    monkeypatch.setenv("CREDITGATE_DATA", "kept")
    monkeypatch.setenv("CREDITGATE_POLICY", "pack.yaml")
    settings = load_settings()
    monkeypatch.chdir("/")
    assert settings.data == elsewhere / "kept"
    assert settings.policy == elsewhere / "pack.yaml"
    assert settings.ledger_url.get_secret_value() == f"sqlite+aiosqlite:///{elsewhere}/kept/ledger.sqlite3"
    assert settings.shown()["data"] == str(elsewhere / "kept")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("sqlite+aiosqlite:///here.db", "sqlite+aiosqlite:///{}/here.db"),
        ("sqlite+aiosqlite:////srv/l.db", "sqlite+aiosqlite:////srv/l.db"),
        ("sqlite+aiosqlite:///:memory:", "sqlite+aiosqlite:///:memory:"),
        ("postgresql+asyncpg://u:p@h/db", "postgresql+asyncpg://u:p@h/db"),
    ],
)
def test_the_ledger_of_a_relative_url_is_resolved_once(elsewhere: Path, given: str, kept: str) -> None:
    """Only the path of a SQLite file is resolved."""
    settings = Settings(ledger_url=given)
    assert settings.ledger_url.get_secret_value() == kept.format(elsewhere)


def test_a_link_stays_a_link(elsewhere: Path) -> None:
    """A symbolic link is not resolved: a mounted file is updated by switching its link."""
    (elsewhere / "new.yaml").touch()
    (elsewhere / "pack.yaml").symlink_to("new.yaml")
    assert Settings(policy=Path("pack.yaml")).policy == elsewhere / "pack.yaml"


def test_every_setting_is_explained() -> None:
    """Each setting shows its name, type and meaning; a secret is masked, as a value and as a default."""
    settings = {setting.name: setting for setting in Settings(pepper="p" * 16).in_force()}
    assert all(setting.meaning.endswith(".") and setting.type for setting in settings.values())
    assert "SSRF" in settings["CREDITGATE_WEBHOOK_PRIVATE"].meaning
    assert settings["CREDITGATE_PORT"][1:4] == ("integer", "8080", "8080")
    assert settings["CREDITGATE_PEPPER"].value == "**********"
