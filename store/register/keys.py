"""Names of the register's keys in Redis. Every module that reads or writes the register takes them from here."""

METADATA = "cg:register"
"""Hash: ``epoch`` (set once the register is loaded), ``loading``, ``listings``, ``applied``, ``ledger_id``,
``beat`` (last worker heartbeat, milliseconds since 1970 by the clock of Redis), the ``generation`` in force;
``building`` and ``building_listings`` while a rebuild fills another generation."""

CHANGE_LOG = "cg:changes"
"""Stream with contiguous ids 0-1, 0-2, …; the second part of an id is the register's sequence.

An entry is a change of a ``listing`` with its ``places`` and ``value``, a new ``lock`` on a target, or the swap to
another ``generation``."""

FIRST_GENERATION = "0"

REBUILD_LOCK = "cg:rebuild"
"""String with a time to live: held by the rebuild that is running."""


def lock(target: str) -> str:
    """String per lock target: id of the held lock."""
    return f"cg:lock:{target}"


def listing(generation: str, key: str) -> str:
    """Hash per listing: ``version`` (kept after its removal) and ``filed_under``, the keys it is filed under."""
    return f"cg:{generation}:listing:{key}"


def subject(generation: str, key: str) -> str:
    """Hash per subject key or name key: listing key -> listing as JSON."""
    return f"cg:{generation}:subject:{key}"
