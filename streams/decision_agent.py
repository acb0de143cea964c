"""What happens to a decision that the gateway has published: written to the ledger, once."""

from collections.abc import Sequence

import structlog

from store.ledger.decisions import DecisionEntry, DecisionStore, decode_entries
from streams.delivered import Delivered
from streams.metrics import LEDGER_DECISIONS
from streams.retry import until_done

_AT_ONCE = 2000
_log = structlog.get_logger("streams.decision")


async def carry_decisions(records: Sequence[Delivered], log: DecisionStore) -> None:
    """Write decisions to the ledger. Returns only when it is done."""
    entries = [entry for record in records for entry in _entries(record)]
    for start in range(0, len(entries), _AT_ONCE):
        page = entries[start : start + _AT_ONCE]
        await until_done(lambda page=page: log.record(page), "ledger")  # type: ignore[misc]
    LEDGER_DECISIONS.inc(len(entries))


def _entries(record: Delivered) -> list[DecisionEntry]:
    """The decisions, or none of bytes that no gateway of ours wrote: nothing of a decision is in them."""
    found = decode_entries(record.value or b"")
    if found is None:
        _log.error("decision_unreadable", topic=record.topic, partition=record.partition, offset=record.offset)
    return found or []
