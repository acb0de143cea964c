"""Write the sample feeds of config/samples: one file for each of eight invented offices.

    python scripts/make_samples.py [directory]

Reads ``sample_texts.yaml``. It uses neither network nor clock, and its random seeds are fixed, so the output is always
the same.
"""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.sample_offices import Record, load_offices
from scripts.sample_people import Population
from scripts.sample_records import records_of

SAMPLES = Path(__file__).resolve().parents[1] / "config" / "samples"
COLUMNS = (
    *("operation", "record_no", "version", "list", "category", "severity", "determination", "data_class"),
    *("subject.kind", "subject.name", "subject.id", "subject.id_type", "subject.gender", "subject.age"),
    *("subject.employer", "subject.registered_address", "subject.nature", "subject.legal_representative"),
    *("facts", "basis", "document_no", "determined_on", "valid_until", "published_until"),
    *("responsible_persons", "reason"),
)
"""Columns of the CSV files: dotted paths of the JSON. An empty cell is an absent field."""


def sample_files() -> dict[str, bytes]:
    """Every sample file, by its name."""
    population = Population()
    return {
        office.file: _encoded(office.file, records_of(code, office, population))
        for code, office in load_offices().items()
    }


def _encoded(name: str, records: list[Record]) -> bytes:
    records = [_in_order(record) for record in records]
    match Path(name).suffix:
        case ".csv":
            return _csv(records).encode("utf-8-sig")  # without the byte order mark Excel assumes a local encoding
        case ".json":
            return (json.dumps(records, ensure_ascii=False, indent=2) + "\n").encode()
        case _:
            return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def _in_order(record: Record) -> Record:
    """The fields in the order of the columns."""
    top = list(dict.fromkeys(column.split(".")[0] for column in COLUMNS))
    return {name: record[name] for name in sorted(record, key=top.index)}


def _csv(records: list[Record]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(record) for record in records)
    return text.getvalue()


def _cells(record: Record) -> dict[str, Any]:
    cells = {name: value for name, value in record.items() if name != "subject"}
    cells |= {f"subject.{name}": value for name, value in record.get("subject", {}).items()}
    if "responsible_persons" in cells:
        cells["responsible_persons"] = json.dumps(cells["responsible_persons"], ensure_ascii=False)
    return cells


def main(directory: Path) -> None:
    """Write the files and print the size of each."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in sample_files().items():
        (directory / name).write_bytes(data)
        print(f"{directory / name}: {len(data)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
