"""Names of the topics and of the headers of their messages."""

FEEDS = "credit.feeds"
"""Feed records v1. The message key is the listing key."""

REJECTED = "credit.feeds.rejected"
"""Dead letters: records that can never be applied, unchanged, with code and reason in the headers."""

DECISIONS = "credit.decisions"
"""Decisions, to be written to the ledger."""

ALL = (FEEDS, REJECTED, DECISIONS)

RECEIPT_HEADER = "cg-receipt"
"""``<receipt id>:<index>``: the delivery and the record's position in it; also the event's id."""

ACCEPTED_HEADER = "cg-accepted-at"
"""Milliseconds since 1970 at which the gateway accepted the record."""
