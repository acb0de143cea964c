"""Alembic's entry: runs on the connection that ``register.migrate`` hands over."""

from alembic import context

from register.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
