"""Validates the rows of a file in batches, in a thread beside the event loop."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from gateway.feeds.delivery import ValidatedRecord, record_no_of
from gateway.feeds.upload import UploadedFile
from intake.formats.model import Format
from intake.rows.pipeline import PreparedRecord, prepare
from rules.admission.snapshot import require_snapshot_record
from rules.admission.validator import RecordValidator
from rules.faults import InvalidRecordError
from rules.vocabulary import ListColour

BATCH_ROWS = 1000


@dataclass(slots=True)
class UploadRows:
    """One reading of a file in the name of one authority. ``colour`` is set for a full list of that colour.

    ``now`` is in milliseconds. ``dropped`` and ``notes`` fill while the file is read: columns that are not used, and
    for each code of ``INTAKE_NOTES`` the number of rows it applies to.
    """

    uploaded: UploadedFile
    format: Format
    authority: str
    validator: RecordValidator
    today: date
    now: int
    colour: ListColour | None = None
    dropped: dict[str, None] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    async def batches(self) -> AsyncGenerator[list[ValidatedRecord], None]:
        """The rows, validated; faults name the file's own columns. Raises ``FileUnreadableError``."""
        rows = prepare(self.uploaded.file, self.uploaded.kind, self.format, self.authority)
        while batch := await asyncio.to_thread(self._next_batch, rows):
            yield batch

    def _next_batch(self, rows: Iterator[PreparedRecord]) -> list[ValidatedRecord]:
        return [self._validate(index, row) for index, row in enumerate(islice(rows, BATCH_ROWS))]

    def _validate(self, index: int, row: PreparedRecord) -> ValidatedRecord:
        self.dropped |= dict.fromkeys(row.dropped)
        for note in row.notes:
            self.notes[note] = self.notes.get(note, 0) + 1
        if row.fault is not None:
            return ValidatedRecord(index, row.line, None, row.fault)
        record_no = record_no_of(row.record)
        try:
            event = self.validator.validate(
                row.record, today=self.today, default_version=self.now, sender=self.authority
            )
            if self.colour is not None:
                require_snapshot_record(event.record, self.colour)
        except InvalidRecordError as fault:
            return ValidatedRecord(index, row.line, record_no, self.format.in_file_terms(fault))
        return ValidatedRecord(index, row.line, record_no, event)
