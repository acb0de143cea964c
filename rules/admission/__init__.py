"""Whether a feed record is accepted, and where it stands in the order of events.

    decoded JSON ─▶ prohibited ─▶ known fields ─▶ typed record ─▶ sender, days, category, content ─▶ FeedEvent
                      │                                             │
                      └────────────── InvalidRecordError ◀──────────┘
    full list ────▶ snapshot: new, changed, unchanged, omitted rows

    validator         ``RecordValidator``: may this authority send this, and is it complete (办法一 Art. 3, 5, 6)
    feed_event        ``FeedEvent`` and the order of events
    prohibited        refuses prohibited personal data in fields (办法二 Art. 14)
    prohibited_text   the same in free text
    snapshot          full lists against the ledger

May import ``rules.identity``, ``rules.records``, ``rules.listings`` and the root modules.
"""
