"""Entry point for alembic. It uses the connection and the transaction of `migrations`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
