"""The topics, named once."""

FEEDS = "credit.feeds"
"""Feed records v1, keyed by listing key."""

REJECTED = "credit.feeds.rejected"
"""Records that can never be applied, as they came, with code and reason in the headers."""

DECISIONS = "credit.decisions"
"""Decisions on their way to the ledger."""

ALL = (FEEDS, REJECTED, DECISIONS)

RECEIPT_HEADER = "cg-receipt"
"""``<receipt id>:<index>``: which record of which delivery this is; also the identity of the event."""

ACCEPTED_HEADER = "cg-accepted-at"
"""Milliseconds since 1970 at which the gateway accepted the record."""
