"""Import rules: the order of packages and of their sub-packages, and no circles. ``TYPE_CHECKING`` imports count."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "rules": set[str](),
    "config": {"rules"},
    "store": {"rules"},
    "intake": {"rules", "config"},
    "streams": {"rules", "store", "config", "intake"},
    "gateway": {"rules", "store", "config", "intake"},
    "creditgate": {"rules", "store", "streams", "gateway", "config", "intake"},
    "creditgate_client": set[str](),
}
ROOMS = MAY_IMPORT.keys() - {"creditgate_client"}
ORDER = {
    "rules": "vocabulary faults calendar working_days | identity | records | listings | admission policy repair",
    "store": "db broker | platforms feeds | ledger | register | locks replica",
    "intake": "faults | files | formats | rows",
    "gateway": "metrics | web metrics_batch policy_store data_freshness | overload audit | tickets | checks feeds"
    " | platform fastlane | api_docs health | container | handlers background | routes | app | process",
    "creditgate": "feed_upload | embedded | cli",
}
"""The rooms of a package from the bottom to the top: each imports only rooms to the left of its own bar."""


def modules_of(room: str) -> list[Path]:
    return [path for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for room in MAY_IMPORT for path in modules_of(room)}


def imported(path: Path) -> set[str]:
    """Full names of everything that a module imports, including members that are modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= members & MODULES.keys() or {node.module}
    return found


def imports_of(path: Path) -> set[str]:
    """Top-level packages that a module imports."""
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_it_may(room: str) -> None:
    """Each package imports only what the table permits, so gateway and streams never import each other."""
    modules = modules_of(room)
    assert modules
    for path in modules:
        foreign = imports_of(path) & ROOMS - {room} - MAY_IMPORT[room]
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


@pytest.mark.parametrize("package", sorted(ORDER))
def test_rooms_import_only_rooms_below(package: str) -> None:
    """Every sub-package has a place in the order, and no import goes upwards."""
    floors = {room: floor for floor, rooms in enumerate(ORDER[package].split("|")) for room in rooms.split()}
    for name, path in MODULES.items():
        inside = name.split(".")
        if inside[0] != package or len(inside) == 1 or name == "creditgate.__main__":
            continue
        for other in imported(path):
            target = other.split(".")
            if target[0] == package and len(target) > 1 and target[1] != inside[1]:
                assert floors[target[1]] < floors[inside[1]], f"{name} imports {other}"


def test_no_module_is_part_of_a_circle() -> None:
    """The module imports have a topological order."""
    graph = {name: {found for found in imported(path) if found in MODULES} - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_rules_do_no_io() -> None:
    """rules/ is pure: it imports no network, file, clock or logging module."""
    for path in modules_of("rules"):
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
    """tests/e2e uses the program as its users do."""
    for path in (ROOT / "tests" / "e2e").rglob("*.py"):
        assert not imports_of(path) & ROOMS, path.name
