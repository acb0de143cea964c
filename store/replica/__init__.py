"""The replica of the register that each gateway process keeps in memory.

    Redis ─▶ source ─┬─▶ snapshot ─┬─▶ follower ─▶ replica: key filter, locks, listing cache
                     └─▶ changes ──┘                  ▲
                                    checks ─▶ reader ─┴─▶ register, for keys the replica cannot rule out

replica     which keys have no listing and which targets no lock; its state
follower    loads it and follows the change log
source, snapshot   what is read from Redis, and the first load
key_filter  eight bytes a key            cache   listings that were read, until they change
reader      look-ups over replica, cache and register; coalesced_reader puts many into one round trip

May import rules, store.broker and store.register.
"""
