"""Alembic's entry: migrations run on the connection that `energygrid.database.migrate` hands over."""

from alembic import context

from energygrid.database.metadata import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
