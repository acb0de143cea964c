"""Names of the register's keys in Redis: writer and reader use these and nothing else."""

MARKER = "cg:register"
"""Hash: ``epoch`` (set once the register is whole), ``loading``, ``listings``, ``applied``, ``ledger_id``,
``beat`` (milliseconds since 1970 by Redis: when a worker last said that it is kept up);
``generation`` in force; ``building`` and ``building_listings`` while another is made beside it."""

CHANGES = "cg:changes"
"""Stream of changes with contiguous ids 0-1, 0-2, …; the id's second part is the register's sequence.

A change tells a ``listing`` with its ``places`` and ``value``, a ``lock`` on a target, or another ``generation``."""

FIRST_GENERATION = "0"

REBUILD = "cg:rebuild"
"""Held by the rebuild that is at work."""

LOCK = "cg:lock:"
"""String per lock target: id of the lock that is held."""


def listing(generation: str, key: str) -> str:
    """Hash per listing: the ``version`` that stands, also after its removal, and where it is filed."""
    return f"cg:{generation}:listing:{key}"


def subject(generation: str, key: str) -> str:
    """Hash per subject key or name key: listing key -> listing."""
    return f"cg:{generation}:subject:{key}"
