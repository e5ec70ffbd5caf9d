"""Lets a test make SQLite itself say "disk full" or "read-only", in a process of the product.

At each statement the pragmas in the file `SABOTAGE` are set on the connection; nothing
of the product is replaced: the errors, and what they roll back, are SQLite's own.
"""

import os
from pathlib import Path

SABOTAGE = os.environ.get("SABOTAGE")

if SABOTAGE:
    PRAGMAS = Path(SABOTAGE)
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "before_cursor_execute")
    def _sabotage(conn, cursor, statement, parameters, context, executemany):  # type: ignore[no-untyped-def]
        for pragma in PRAGMAS.read_text().splitlines():
            cursor.connection.execute(pragma)
