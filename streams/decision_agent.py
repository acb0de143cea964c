"""Write the decisions that gateways have published to the ledger, once each."""

from collections.abc import Sequence

import structlog

from store.ledger.decisions import DecisionEntry, DecisionStore, decode_entries
from streams.consumed_record import ConsumedRecord
from streams.metrics import LEDGER_DECISIONS
from streams.retry import retry_outages

_ENTRIES_PER_TRANSACTION = 2000
_log = structlog.get_logger("streams.decision")


async def record_decisions(records: Sequence[ConsumedRecord], store: DecisionStore) -> None:
    """Write decisions to the ledger. Returns only when all are written."""
    entries = [entry for record in records for entry in _entries(record)]
    for start in range(0, len(entries), _ENTRIES_PER_TRANSACTION):
        await retry_outages("ledger", store.record, entries[start : start + _ENTRIES_PER_TRANSACTION])
    LEDGER_DECISIONS.inc(len(entries))


def _entries(record: ConsumedRecord) -> list[DecisionEntry]:
    """The decisions in a message; none, with an error logged, if no gateway of this version wrote it."""
    found = decode_entries(record.value or b"")
    if found is None:
        _log.error("decision_unreadable", topic=record.topic, partition=record.partition, offset=record.offset)
    return found or []
