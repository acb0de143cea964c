"""Decisions on their way to the ledger: buffer and spool."""
