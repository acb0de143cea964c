"""Every command block of the documentation, run as printed, and every answer shown after one.

A page is one shell session in a folder that looks like a checkout, beside a started and seeded program; its blocks run
in the order of the page. Only what the page requires of its reader is set: the data directory, the port, and on the
first page ``KEY``, which ``make run`` prints. The one thing changed in a block is the default address, since tests take
a free port.

In Markdown, ``<!-- not run: why -->`` before a block leaves it out. A comment on a line that says ``exits with 1`` (or
``may exit with 1``) announces that exit code; any other code but 0 fails, and so does any problem document.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.program import ROOT, Program

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<why>.+?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"\s+#\s.*$", re.MULTILINE)
_DEFAULT_ADDRESS = "http://127.0.0.1:8080"
_PAGE_TIMEOUT_S = 150
_NOT_LINKED = {".venv", ".git", "var", "secrets"}
NOT_RUN = {"README.md", "docs/integrate.md", "creditgate_client/README.md", "examples/java/README.md"}
"""One block each: the program itself, a stream without an end, an installation, a JDK."""
FOLDERS = (".", "docs", "creditgate_client", "examples/*", "deploy", "deploy/*")


class Block(NamedTuple):
    """A fenced block: its language, its text, why it is not run, and whether it follows the block before at once."""

    kind: str
    text: str
    why: str | None
    follows: bool


def blocks(page: Path) -> list[Block]:
    text, end, found = page.read_text(), -1, []
    for match in _FENCE.finditer(text):
        found.append(Block(match["kind"], match["text"], match["why"], match.start() == end + 1))
        end = match.end()
    return found


def commands(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.kind in ("sh", "bash")]


def _pages() -> Iterator[str]:
    for folder in FOLDERS:
        for page in sorted(ROOT.glob(f"{folder}/*.md")):
            if ".zh-CN." not in page.name and commands(page):
                yield str(page.relative_to(ROOT))


PAGES = [*dict.fromkeys(_pages())]
TRANSLATED = [page for page in PAGES if (ROOT / page).with_suffix(".zh-CN.md").exists()]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program as ``make run`` starts it, shared by all pages."""
    program = Program(tmp_path_factory.mktemp("docs") / "var").start("--seed")
    yield program
    assert program.stop() == 0


@pytest.mark.parametrize("page", PAGES)
def test_every_command_runs_and_answers_as_printed(started: Program, tmp_path: Path, page: str) -> None:
    """Each command is found and ends as announced; no answer is a problem; what is shown is what came."""
    shown = blocks(ROOT / page)
    run = [number for number, block in enumerate(shown) if block.kind in ("sh", "bash") and block.why is None]
    _run(started, tmp_path, {number: shown[number].text for number in run})
    for number in run:
        place = f"{page}, block {number}:\n{shown[number].text}"
        printed, errors = (tmp_path / f"{number}.{kind}" for kind in ("out", "err"))
        assert (tmp_path / f"{number}.done").exists(), place + errors.read_text()
        _codes_as_announced(shown[number].text, (tmp_path / f"{number}.failed").read_text(), place + errors.read_text())
        answers = list(_documents(printed.read_text()))
        assert not [answer for answer in answers if answer.get("status", 0) in range(400, 600)], place
        if number + 1 < len(shown) and shown[number + 1].kind == "json" and shown[number + 1].follows:
            assert answers, place
            _same(json.loads(shown[number + 1].text), answers[-1], place)


def _run(program: Program, folder: Path, texts: dict[int, str]) -> None:
    """One shell for all blocks of a page: each is sourced, with files for its output and its failing lines."""
    for entry in ROOT.iterdir():
        if entry.name not in _NOT_LINKED:
            (folder / entry.name).symlink_to(entry)
    (folder / ".venv").symlink_to(sys.prefix)
    script = ["trap 'echo $? $LINENO >> $FAILED' ERR"]
    for number, text in texts.items():
        (folder / f"{number}.sh").write_text(text.replace(_DEFAULT_ADDRESS, program.url))
        (folder / f"{number}.failed").touch()
        script += [f"FAILED={folder}/{number}.failed", f". ./{number}.sh > {number}.out 2> {number}.err < /dev/null"]
        script += [f"touch {number}.done"]
    bins = str(Path(sys.executable).parent)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != bins)
    documented = {name: program.environment[name] for name in ("CREDITGATE_DATA", "CREDITGATE_PORT")}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CREDITGATE_")}
    subprocess.run(
        ["bash", "-c", "\n".join(script)],
        env=plain | documented | {"PATH": path, "KEY": program.key},
        cwd=folder,
        timeout=_PAGE_TIMEOUT_S,
        check=False,
    )


def _codes_as_announced(text: str, failed: str, place: str) -> None:
    ended = {int(line): int(code) for code, line in (row.split() for row in failed.splitlines())}
    for number, line in enumerate(text.splitlines(), 1):
        code = ended.get(number, 0)
        if "may exit with 1" in line:
            assert code in (0, 1), (line, code, place)
        else:
            assert code == ("exits with 1" in line), (line, code, place)


def _documents(printed: str) -> Iterator[dict[str, Any]]:
    for line in printed.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _same(shown: Any, real: Any, place: str) -> None:  # noqa: ANN401
    """Members are the same; texts are equal where ``…`` does not stand for something; numbers are numbers."""
    if isinstance(shown, dict):
        more = "…" in shown
        members = {name for name in shown if name != "…"}
        assert members <= set(real) if more else members == set(real), (sorted(members ^ set(real)), place)
        for name in members:
            _same(shown[name], real[name], f"{name} in {place}")
    elif isinstance(shown, list):
        assert len(shown) == len(real), (shown, real, place)
        for one, other in zip(shown, real, strict=True):
            _same(one, other, place)
    elif isinstance(shown, str):
        assert isinstance(real, str), (shown, real, place)
        assert fnmatchcase(real, shown.replace("[", "[[]").replace("…", "*")), (shown, real, place)
    elif isinstance(shown, int) and not isinstance(shown, bool):
        assert isinstance(real, int | float), (shown, real, place)
    else:
        assert shown == real, (shown, real, place)


@pytest.mark.parametrize("page", TRANSLATED)
def test_both_languages_have_the_same_blocks(page: str) -> None:
    """Commands, answers, records and formats differ in comments only; so what runs in one runs in the other."""

    def bare(of: Path) -> list[tuple[str, str, str | None]]:
        return [(b.kind, _COMMENT.sub("", b.text), b.why) for b in blocks(of) if b.kind != "mermaid"]

    assert bare(ROOT / page) == bare((ROOT / page).with_suffix(".zh-CN.md"))


def test_few_blocks_are_left_out() -> None:
    """Each with its reason; a new one has to be added here."""
    left_out = [page for page in PAGES for block in commands(ROOT / page) if block.why is not None]
    assert sorted(left_out) == sorted(NOT_RUN)
