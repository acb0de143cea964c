"""The gateway: answers checks from its copy of the register, and publishes what departments deliver.

    checks   POST /v1/checks ─▶ fastlane or web ─▶ checks ─┬─▶ fast allow: no listing, no lock ───────┬─▶ response
             (nginx, Envoy: /v1/authz)              ▲      └─▶ decision: locks, ledger first ─────────┤
                                                    │                                                 ▼
                     Redis: register ─▶ replica ────┘          ledger ◀── topic credit.decisions ◀─ audit
                                ▲
                     streams ───┘
                        ▲
    feeds    POST …/records, …/files ─▶ web ─▶ feeds: validate ─▶ topic credit.feeds ─▶ receipt, 202

A process keeps state that it can rebuild: the replica of the register, the clients, policy and formats in force, the
unreliable feeds, and rate-limit buckets. It keeps decisions that are not on their topic yet, in memory and in the spool
on disk. What must not be lost is in the ledger, the register or the broker.

    web         HTTP: authentication, bodies, problems, responses
    overload    rate limit, concurrency limit, load shedder
    audit       decisions on their way to the ledger
    tickets     clearance tickets, signed and verified
    checks      the path of a check
    feeds       the path of a delivery, and its operation
    platform    locks, decisions, watches, webhooks, events
    fastlane    checks without aiohttp, on the same port
    process     processes and sockets: listen, prefork, drain
    container, handlers, background, routes, app    the composition root

It may import ``rules``, ``store``, ``intake`` and ``config``; never ``streams``, which applies the records and writes
the decisions that it publishes.
"""
