"""Read a file of feed records v1: CSV with dotted column names, a JSON array or object, or NDJSON."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

_INTEGERS = frozenset({"version", "subject.age"})
_JSON_CELLS = frozenset({"responsible_persons"})


class FileUnreadable(ValueError):
    """The file as a whole cannot be read; the message says why."""


class Row(NamedTuple):
    """One record of a file: where it stands, and its JSON or the text that is none."""

    line: int
    value: Any


def read_records(path: Path) -> Iterator[Row]:
    """The records of a file by its ending: ``.csv``, ``.json``, ``.ndjson``/``.jsonl``. Raises ``FileUnreadable``."""
    match path.suffix.lower():
        case ".csv":
            return _csv(path)
        case ".json":
            return _json(path)
        case ".ndjson" | ".jsonl":
            return _ndjson(path)
    raise FileUnreadable(f"{path.name}: the name must end in .csv, .json, .ndjson or .jsonl")


def _text(path: Path) -> str:
    """Strict UTF-8 (with or without BOM), else strict GB18030; an encoding is never guessed."""
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileUnreadable(f"{path.name}: neither UTF-8 nor GB18030")


def _csv(path: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for cells in reader:
            yield Row(reader.line_num, _unflatten(cells))
    except csv.Error as error:
        raise FileUnreadable(f"{path.name}, line {reader.line_num}: {error}") from None


def _json(path: Path) -> Iterator[Row]:
    try:
        value = orjson.loads(_text(path))
    except orjson.JSONDecodeError as error:
        raise FileUnreadable(f"{path.name}, line {error.lineno}: not valid JSON") from None
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield Row(number, item)


def _ndjson(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield Row(number, orjson.loads(line))
                except orjson.JSONDecodeError:
                    yield Row(number, line.decode("utf-8", "replace"))


def _unflatten(cells: dict[str | None, Any]) -> dict[str, Any]:
    """Dotted columns become objects; an empty cell is an absent field; a cell too many is a field of its own."""
    record: dict[str, Any] = {}
    for column, cell in cells.items():
        if column is None:
            record["cells_without_a_column"] = cell
            continue
        text = (cell or "").strip()
        if not text:
            continue
        *parents, name = column.strip().split(".")
        place = record
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = _typed(column.strip(), text)
    return record


def _typed(column: str, text: str) -> Any:  # noqa: ANN401
    if column in _INTEGERS and text.isdecimal():
        return int(text)
    if column in _JSON_CELLS:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text
