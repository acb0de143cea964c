"""The ledger in SQL: every feed record, what the listings add up to, and every decision.

    [streams] records  ─▶ feed_events ─▶ listings ─▶ effects ─▶ lifted locks, events for clients
    [streams] clock    ─▶ expiry ──────▶    │
                                            └─▶ RegisterChange ─▶ Redis
    [gateway] delivery ─▶ receipts
    [both]    decision ─▶ decisions

feed_events, feed_event_rows        records received, in one transaction with all that follows from them
receipts                            deliveries and the outcome of each record
expiry                              ends, recalculations and released quarantines, by the clock
listings, listing_row               rows computed from events, compared and written
red_exclusions                      red listings excluded by black ones, and notices
effects/                            what a change of listings causes beyond the register
lock_states                         row, states and history of a lock
listing_queries, snapshots          reads of listings
repair_cases, feed_report           reads for credit repair and for the state of feeds
decisions                           decisions written, found, and read again

Imports ``rules``, ``store.db``, ``store.feeds`` and ``store.platforms``.
"""
