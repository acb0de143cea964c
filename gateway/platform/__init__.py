"""What a platform does after a check.

    decisions   read a decision; report what was done about it (feedback)
    locks       read, release, confirm locks
    watches     subjects whose changes the platform wants to hear of ─┐
    events      the client's events as a stream     ◀─ outbox ◀───────┤ a feed changes a listing
    webhooks    the client's events, posted to it   ◀─ outbox ◀───────┘

It imports ``gateway.web``, ``gateway.overload``, ``gateway.audit``, ``gateway.checks``, ``rules`` and ``store``.
"""
