"""The life of a listing, how long it counts, and its entries in the register.

    events of one listing ─▶ life ─▶ Life ─▶ indexer ─▶ IndexedListing (Listing + keys)
                              │                            │
                           validity                        └▶ red_against_black: which red listings are excluded

    life                how events make the state of a listing (办法一 Art. 15, 16, 19, 20)
    validity            how long it counts (办法二 Art. 27)
    indexer             the register's entries, derived ones included (办法二 Art. 26)
    responsible         the numbers and persons that a record names (办法二 Art. 2, 26)
    red_against_black   a black listing excludes red ones (办法一 Art. 4)
    listing             ``Listing``: what the register stores

May import ``rules.identity``, ``rules.records`` and the root modules.
"""
