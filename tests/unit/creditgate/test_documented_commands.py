"""Commands that the docs name within a sentence exist, with their options and required arguments."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from creditgate.cli import command_line

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(creditgate [^`|…]+)`")
NAMED = sorted({line for page in PAGES for line in _INLINE.findall(_FENCED.sub("", page.read_text()))})
RUN: Any = get_command(command_line())


@pytest.mark.parametrize("line", NAMED)
def test_a_command_within_a_sentence_exists(line: str) -> None:
    """The text resolves to a command; if it has options, it has all that the command requires."""
    _, *words = shlex.split(line)
    command: Any = RUN
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command is not RUN, line
    if words:
        try:
            command.make_context(line, words)
        except typer.Exit:
            pytest.fail(line)
