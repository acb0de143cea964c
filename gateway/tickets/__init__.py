"""Clearance tickets: signed at the check, verified when the transaction is committed.

    checks ─▶ signer.make ─▶ token ─▶ platform ─▶ POST /v1/tickets/verify ─▶ handler ─▶ signer.read ─▶ void_reason

Imports ``gateway.web``, ``policy_store``, ``data_freshness``, ``overload`` and ``audit``; never ``gateway.checks``,
which imports ``signer``.
"""
