"""Tests use only public names: no attribute, import or patch of a name with one leading underscore."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ALLOWED = {
    "integration/test_rstream_transport.py": {"_assignment", "_active_tps", "_standby_tps", "_read_offset"},
    "integration/valkey_server.py": {"_binary"},
}
"""Names of other projects: Faust's, which the transport rests on, and the package that carries Valkey's binary."""
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}
"""Python's own interface of every named tuple."""
PRIVATE_IN_PATH = re.compile(r"(?:^|\.)_(?!_)\w+$")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


def private_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each private name used outside its class or module."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name) if is_private(name):
                yield node.lineno, name
            case ast.ImportFrom(module=module, names=names):
                for name in [*(module or "").split("."), *(alias.name for alias in names)]:
                    if is_private(name):
                        yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="setattr"), args=arguments):
                for argument in arguments:
                    if isinstance(argument, ast.Constant) and PRIVATE_IN_PATH.search(str(argument.value)):
                        yield node.lineno, str(argument.value)


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_tests_reach_no_private_names(path: Path) -> None:
    """What a test needs is a parameter or a public property of the object."""
    allowed = ALLOWED.get(str(path.relative_to(TESTS)), set())
    found = [(line, name) for line, name in private_names(ast.parse(path.read_text())) if name not in allowed]
    assert not found


@pytest.mark.parametrize(
    "source", ["a._b", "a.b()._c", "from a import _b", "from a._b import c", 'patch.setattr("a.b._c", 1)']
)
def test_private_access_is_found(source: str) -> None:
    """Each way to reach a private name is detected."""
    assert list(private_names(ast.parse(source)))


@pytest.mark.parametrize("source", ["self._a", "cls._a", "a.__b__", "from __future__ import annotations", "_ = a.b"])
def test_own_names_are_not_private_access(source: str) -> None:
    """A class's own state and Python's special names are allowed."""
    assert not list(private_names(ast.parse(source)))
