"""Database connections, tables, the hash chain and migrations."""
