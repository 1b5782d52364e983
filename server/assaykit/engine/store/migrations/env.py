"""Where alembic starts: the connection comes from `migrations`, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
