"""What happens to a decision that the gateway has published: written to the ledger, once."""

from collections.abc import Sequence

import msgspec
import structlog

from register.decisions import DecisionEntry, DecisionLog
from streams.delivered import Delivered
from streams.metrics import LEDGER_DECISIONS
from streams.retry import until_done

_decoder = msgspec.json.Decoder(DecisionEntry)
_log = structlog.get_logger("streams.decision")


async def carry_decisions(records: Sequence[Delivered], log: DecisionLog) -> None:
    """Write decisions to the ledger. Returns only when it is done."""
    entries = [entry for record in records if (entry := _entry(record)) is not None]
    await until_done(lambda: log.record(entries), "ledger")
    LEDGER_DECISIONS.inc(len(entries))


def _entry(record: Delivered) -> DecisionEntry | None:
    """The decision, or None for bytes that no gateway of ours wrote: nothing of a decision is in them."""
    try:
        return _decoder.decode(record.value or b"")
    except msgspec.DecodeError:
        _log.error("decision_unreadable", topic=record.topic, partition=record.partition, offset=record.offset)
        return None
