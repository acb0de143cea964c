"""Load a policy pack and its examples from YAML; faults are reported with their lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from config.files import ConfigError, read_yaml
from rules.policy.examples import Example, Examples
from rules.policy.faults import PolicyInvalidError, policy_from
from rules.policy.pack import Policy


def load_policy(path: Path) -> Policy:
    """The policy pack in that file. Raises ``ConfigError`` with one line for each fault.

    Top-level keys ``x-…`` are ignored; they hold YAML anchors.
    """
    source, value = read_yaml(path)
    try:
        return policy_from(_without_anchors(value), source)
    except PolicyInvalidError as error:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
        lines = [f"{path}:{_line(root, fault.path)}: {fault.text}" for fault in error.faults]
        raise ConfigError("\n".join(lines)) from None


def examples_path(pack: Path) -> Path:
    """The file of a pack's examples, beside the pack."""
    return pack.with_name(f"{pack.stem}.examples.yaml")


def load_examples(path: Path, pack: str) -> tuple[Example, ...]:
    """The examples in that file. Raises ``ConfigError``, also if they belong to another pack."""
    _, value = read_yaml(path)
    try:
        examples = msgspec.convert(_without_anchors(value), Examples)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None
    if examples.pack != pack:
        raise ConfigError(f"{path}: has examples of {examples.pack}, not of {pack}")
    return examples.examples


def _without_anchors(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if not str(key).startswith("x-")}


def _line(node: yaml.Node | None, path: Sequence[str | int]) -> int:
    """The line, from 1, of the deepest part of the path that exists in the file."""
    line = node.start_mark.line + 1 if node is not None else 1
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        node, line = found
    return line


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child, child.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if key.value == str(step):
                return child, key.start_mark.line + 1
    return None
