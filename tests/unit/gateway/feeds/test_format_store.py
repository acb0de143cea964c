"""File formats reload while the gateway runs; an invalid set leaves the previous set in force."""

import shutil
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from config.files import ConfigError
from config.settings import Settings
from gateway.feeds.format_store import FormatStore

FORMATS = Settings().formats


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("creditgate_format_reloads_total", {"result": result}) or 0.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one format."""
    shutil.copy(FORMATS / "wage-arrears.yaml", tmp_path)
    return tmp_path


def test_a_new_format_is_known_without_a_restart(folder: Path) -> None:
    """After files are added, removed or untouched, the set in force is that of the folder."""
    store = FormatStore(folder)
    first, before = store.current, counted("taken")
    assert sorted(first) == ["feed-record", "wage-arrears"]
    assert store.reload()
    assert store.current is first, "the same files are not loaded again"
    shutil.copy(FORMATS / "red-list.yaml", folder)
    assert store.reload()
    assert sorted(store.current) == ["feed-record", "red-list", "wage-arrears"]
    (folder / "wage-arrears.yaml").unlink()
    assert store.reload()
    assert sorted(store.current) == ["feed-record", "red-list"]
    assert counted("taken") == before + 2


def test_a_set_that_is_refused_leaves_the_one_before(folder: Path) -> None:
    """The refused reload is counted and shown until the files are valid again."""
    store, before = FormatStore(folder), counted("refused")
    first = store.current
    (folder / "broken.yaml").write_text("name: [")
    assert not store.reload()
    assert not store.reload(), "still refused, and not counted again"
    assert (store.refused, store.current is first, counted("refused")) == (True, True, before + 1)
    assert REGISTRY.get_sample_value("creditgate_formats_refused") == 1
    (folder / "broken.yaml").unlink()
    assert store.reload()
    assert REGISTRY.get_sample_value("creditgate_formats_refused") == 0
    shutil.rmtree(folder)
    assert not store.reload()
    assert sorted(store.current) == sorted(first)


def test_without_usable_formats_there_is_no_start(folder: Path) -> None:
    """The start fails, as for every other invalid configuration file."""
    (folder / "broken.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        FormatStore(folder)
