"""The rooms: who may import whom. A picture that nothing enforces does not stay true."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"rules", "store", "streams", "gateway", "config", "intake", "creditgate"}
MAY_IMPORT = {
    "rules": set(),
    "config": {"rules"},
    "store": {"rules"},
    "intake": {"rules", "config"},
    "streams": {"rules", "store", "config", "intake"},
    "gateway": {"rules", "store", "config", "intake"},
    "creditgate": ROOMS,
    "creditgate_client": set(),
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    """Each room keeps to the table; so gateway and streams never import each other."""
    modules = list((ROOT / room).rglob("*.py"))
    assert modules
    for path in modules:
        foreign = imports_of(path) & ROOMS - {room} - MAY_IMPORT[room]
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_rules_do_no_io() -> None:
    """The law is pure: no network, no files, no clock module, no logging in rules/."""
    for path in (ROOT / "rules").rglob("*.py"):
        bad = imports_of(path) & {
            "os",
            "io",
            "pathlib",
            "socket",
            "time",
            "redis",
            "sqlalchemy",
            "aiohttp",
            "structlog",
        }
        assert not bad, f"{path.name} imports {bad}"


def test_the_outermost_ring_imports_nothing_of_the_project() -> None:
    """tests/e2e sees the program as its users do."""
    for path in (ROOT / "tests" / "e2e").rglob("*.py"):
        assert not imports_of(path) & ROOMS, path.name
