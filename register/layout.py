"""Names of the register's keys in Redis: writer and reader use these and nothing else."""

MARKER = "cg:register"
"""Hash: ``epoch`` (set once the register is whole), ``loading``, ``listings``, ``applied``, ``ledger_id``."""

CHANGES = "cg:changes"
"""Stream of changes with contiguous ids 0-1, 0-2, …; the id's second part is the register's sequence."""

LISTING = "cg:listing:"
"""Hash per listing: ``order`` of the claim that stands, also after its removal, and where it is filed."""

SUBJECT = "cg:subject:"
"""Hash per subject key or name key: listing key -> listing."""

LOCK = "cg:lock:"
"""String per lock target: id of the lock that is held."""
