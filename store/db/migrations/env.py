"""Alembic's entry: runs on the connection that ``store.db.migrate`` hands over."""

from alembic import context

from store.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
