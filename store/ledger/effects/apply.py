"""All effects of one update of listings."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from store.db.hash_chain import HashChain
from store.ledger.effects.change import ListingChange
from store.ledger.effects.corrections import correction_events
from store.ledger.effects.lock_lifting import lift_unsupported_locks
from store.ledger.effects.watch_events import watch_events
from store.ledger.listing_row import ListingRow
from store.ledger.lock_states import LiftedLock
from store.platforms.outbox import append_events


async def apply_side_effects(
    connection: AsyncConnection,
    chain: HashChain,
    before: Mapping[str, ListingRow],
    after: Mapping[str, ListingRow],
    now: int,
) -> list[LiftedLock]:
    """Lift locks and write the events for clients; returns the lifted locks. ``now`` is in milliseconds."""
    changes = [ListingChange(before.get(key), row) for key, row in after.items()]
    changes = [change for change in changes if change.has_effects()]
    if not changes:
        return []
    ended = {change.key: change.after for change in changes if change.ends_support()}
    wrong = {change.key: change.after for change in changes if change.makes_answers_wrong()}
    lifted, events = await lift_unsupported_locks(connection, chain, ended, now)
    events += await watch_events(connection, changes)
    events += await correction_events(connection, wrong)
    await append_events(connection, chain, events, now)
    return lifted
