"""Runs the migrations: Flask-Migrate calls Alembic, which runs this file.

`flask --app wsgi db upgrade` migrates, `flask --app wsgi db migrate -m "why"`
writes the next one from what `tracker.storage.models` has and the database has not.
"""

from alembic import context
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from tracker.errors import StoreError
from tracker.storage.engine import explained, writing

db = current_app.extensions["migrate"].db


def migrate() -> None:
    """Bring the database to the wanted revision in one transaction."""
    with writing(db.engine) as connection:
        context.configure(connection=connection, target_metadata=db.metadata, render_as_batch=True)
        known = {one.revision for one in context.script.walk_revisions()}
        if newer := set(context.get_context().get_current_heads()) - known:
            raise SystemExit(
                f"the database is of another version of the tracker ({', '.join(newer)}; this one"
                f" knows up to {max(known)}): run that version, or restore a backup"
            )
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations need the database: run them without --sql")
try:
    migrate()
except (SQLAlchemyError, StoreError) as error:
    raise SystemExit(f"DATABASE_URL: the database cannot be migrated: {explained(error)}") from None
