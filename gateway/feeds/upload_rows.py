"""Judge the rows of a file, some hundreds at a time, off the loop that answers checks."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from gateway.feeds.delivery import Judged
from gateway.feeds.upload import UploadedFile
from intake.formats.model import Format
from intake.rows.pipeline import PreparedRecord, prepare
from rules.admission.snapshot import require_snapshot_record
from rules.admission.validator import RecordValidator
from rules.faults import InvalidRecordError
from rules.vocabulary import ListColour

CHUNK = 1000


@dataclass(slots=True)
class UploadRows:
    """One reading of a file in the name of one authority. ``colour`` is set for a full list of that colour.

    ``dropped`` and ``notes`` fill while it is read: columns of no use, codes of what was read otherwise.
    """

    uploaded: UploadedFile
    format: Format
    authority: str
    desk: RecordValidator
    today: date
    now: int
    colour: ListColour | None = None
    dropped: dict[str, None] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    async def chunks(self) -> AsyncGenerator[list[Judged], None]:
        """The rows with their verdicts; places in the file's own words. Raises ``FileUnreadableError``."""
        rows = prepare(self.uploaded.file, self.uploaded.kind, self.format, self.authority)
        while chunk := await asyncio.to_thread(self._next, rows):
            yield chunk

    def _next(self, rows: Iterator[PreparedRecord]) -> list[Judged]:
        return [self._judge(index, row) for index, row in enumerate(islice(rows, CHUNK))]

    def _judge(self, index: int, row: PreparedRecord) -> Judged:
        self.dropped |= dict.fromkeys(row.dropped)
        for note in row.notes:
            self.notes[note] = self.notes.get(note, 0) + 1
        if row.fault is not None:
            return Judged(index, row.line, None, row.fault)
        number = row.record.get("record_no") if row.record else None
        number = number if isinstance(number, str) and len(number) <= 128 else None
        try:
            claim = self.desk.validate(row.record, today=self.today, default_version=self.now, sender=self.authority)
            if self.colour is not None:
                require_snapshot_record(claim.record, self.colour)
        except InvalidRecordError as fault:
            return Judged(index, row.line, number, self.format.in_file_terms(fault))
        return Judged(index, row.line, number, claim)
