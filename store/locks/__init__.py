"""Locks in SQL and their keys in Redis."""
