"""The path of a check, from its bytes to its answer.

    http/ (aiohttp)               gateway.fastlane
           └──────────────┬──────────────┘
                   service, batch                   admission, metrics; no HTTP
                          │
    request ──▶ lookup_keys ──▶ fast_allow ───────────────────────▶ fast_allow_response ─▶ audit
    bytes ─▶ Check  keys of its   no listing, no lock possible          prepared bytes
                    parties       │ else
                                  ▼
                          decision_service          look up ─▶ judge ─▶ plan locks ─▶ record ─▶ response
                             judge                  pure: listings ─▶ verdict
                             lock_planner           pure: verdict + locks ─▶ LockPlan
                             held_locks             locks held on the targets, repaired in Redis, lifted
                             clearance              what a ticket says
                             recorder               ledger or audit, with audit_entry and response

Imports ``gateway.web``, ``metrics``, ``metrics_batch``, ``policy_store``, ``data_freshness``, ``overload``, ``audit``
and ``tickets``. Only ``http`` imports aiohttp.
"""
