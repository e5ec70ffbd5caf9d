"""How the database is opened: SQLite's pragmas, PostgreSQL's time limits, and one writer at a time.

SQLite in WAL lets the web read while the worker writes. Its pragmas can fail
without a word (a network disk, a memory database), so they are read back.
A writer takes the lock when its transaction begins (`BEGIN IMMEDIATE`, on
PostgreSQL an advisory lock), so that two writers never collide half-way.

PostgreSQL may be far away, and gone without a word: `engine_options` limits the
wait. One that hangs still acknowledges every packet; who must not hang with it
uses a `TimedCall`. A connection may lead to PgBouncer, and each transaction to another
server: so nothing is left behind in one, and a connection that was cut while it
was idle is noticed before it is used.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError

from tracker.errors import StoreError

BUSY_TIMEOUT_MS = 5000
"""How long SQLite waits for another process's lock."""

_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 1,  # NORMAL: safe in WAL, a commit does not wait for the disk
    "busy_timeout": BUSY_TIMEOUT_MS,
    "foreign_keys": 1,
}

POOL_TIMEOUT_S = 2.0
"""How long to wait for a connection of the pool."""
_LIBPQ_OPTIONS = {
    "connect_timeout": 3,  # seconds, as all but the last
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""So that a peer that is gone is noticed; what DATABASE_URL says wins."""
READ_LIMIT = "30s"
"""Nobody waits for a longer read; writing and migrating have no limit. It is set in each
transaction: PgBouncer refuses `options`, and would give other clients what a session sets."""

WRITERS_LOCK = 0x7469636B
"""The advisory lock of PostgreSQL that writers share."""


def engine_options(database_url: str) -> dict[str, Any]:
    """Return the arguments of `create_engine` for *database_url*."""
    url = make_url(database_url)
    if url.get_backend_name() != "postgresql":
        return {}
    kept = {name: value for name, value in _LIBPQ_OPTIONS.items() if name not in url.query}
    return {
        "pool_timeout": POOL_TIMEOUT_S,
        "pool_pre_ping": True,
        # statements prepared on one server are unknown, or taken, on the next
        "connect_args": {"prepare_threshold": None, **kept},
    }


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: DBAPIConnection, record: Any) -> None:
    if not type(connection).__module__.startswith("sqlite3"):
        return
    connection.isolation_level = None  # transactions begin below
    connection.text_factory = _text
    cursor = connection.cursor()
    for pragma, wanted in _PRAGMAS.items():
        cursor.execute(f"PRAGMA {pragma} = {wanted}")
        cursor.execute(f"PRAGMA {pragma}")
        (found,) = cursor.fetchone() or (None,)
        if found != wanted:
            raise StoreError(
                f"SQLite has {pragma} {found} and would not take {wanted}: "
                "DATABASE_URL must name a file on a local disk"
            )
    (path,) = cursor.execute("SELECT file FROM pragma_database_list").fetchone() or ("",)
    cursor.close()
    record.info["file"] = path, _identity(path)


@event.listens_for(Engine, "checkout")
def _same_file(connection: DBAPIConnection, record: Any, proxy: Any) -> None:
    """Let go of connections to a SQLite file that is no longer there, or is another now.

    They would go on for ever, and what is written to them would be lost.
    """
    path, opened = record.info.get("file", (None, None))
    if path and _identity(path) != opened:
        raise InvalidatePoolError


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def explained(error: Exception) -> str:
    """Return the *error* of the database in one line, with what to do where that is known."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    line = f"{type(cause).__name__}: {cause}".partition("\n")[0]
    if "no such table" in line or type(cause).__name__ == "UndefinedTable":
        line += "; the database was emptied or replaced: start the tracker again, which migrates it"
    return line


def _text(stored: bytes) -> str:
    """Return *stored* as text; SQLite keeps whatever bytes it was given."""
    return stored.decode(errors="replace")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes or "options" not in connection.engine.url.query:
        limit = "0" if writes else READ_LIMIT
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{limit}'")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one state of the database."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # SQLite always shows one state
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection to the one writer; commit at the end, roll back on an error."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS_LOCK})
        yield connection
