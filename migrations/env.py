"""Runs the migrations: Flask-Migrate calls Alembic, which runs this file.

`flask --app wsgi db upgrade` migrates, `flask --app wsgi db migrate -m "why"`
writes the next one from what `tracker.storage.models` has and the database has not.
"""

from alembic import context
from flask import current_app

from tracker.storage.engine import writing

db = current_app.extensions["migrate"].db


def migrate() -> None:
    """Bring the database to the wanted revision in one transaction."""
    with writing(db.engine) as connection:
        context.configure(connection=connection, target_metadata=db.metadata, render_as_batch=True)
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations need the database: run them without --sql")
migrate()
