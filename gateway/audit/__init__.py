"""Decisions on their way to the ledger, never silently lost.

    put ─▶ buffer (memory) ─▶ message of up to 500 decisions ─▶ topic credit.decisions ─▶ ledger
              └▶ no answer of the broker for half a second: spool (files) ─▶ the topic, when the broker answers again

    buffer    the queue, and when it is sent or spooled
    messages  decisions packed into messages
    spool     decisions in files

It imports ``gateway.web``, ``gateway.metrics``, ``config`` and ``store``.
"""
