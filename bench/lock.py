"""How long writers hold the lock of the one writer, as another process sees it.

The database looks from inside as if it held the lock for longer: SQLite's commit may go on
with a checkpoint, for which no writer waits.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from typing import Any

from sqlalchemy import create_engine

from tracker.config import ROOT
from tracker.storage.engine import WRITERS_LOCK

EVERY_S = 0.001


@contextmanager
def watched_lock(url: str) -> Iterator[list[float]]:
    """Give a list that has in the end how long the lock was held each time, in ms.

    It is tried every millisecond, so what was held for less may not be among them.
    """
    command = [sys.executable, "-m", "bench.lock", url]
    held: list[float] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as watcher:
        assert watcher.stdout
        assert watcher.stdout.readline() == "ready\n"
        yield held
        held += json.loads(watcher.communicate()[0])


def main(url: str) -> None:
    """Watch until the input ends, and print what was seen."""
    held, busy_since = [], None
    engine = create_engine(url)
    connection: Any = engine.raw_connection().driver_connection
    if engine.dialect.name == "postgresql":
        connection.autocommit = True
        is_free = _is_free_in_postgresql
    else:
        connection.execute("PRAGMA busy_timeout = 0")
        is_free = _is_free_in_sqlite
    print("ready", flush=True)
    while not select([sys.stdin], [], [], EVERY_S)[0]:
        now = time.perf_counter()
        if not is_free(connection):
            busy_since = busy_since or now
        elif busy_since:
            held.append((now - busy_since) * 1000)
            busy_since = None
    print(json.dumps(held))


def _is_free_in_sqlite(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return False
        raise
    connection.execute("ROLLBACK")
    return True


def _is_free_in_postgresql(connection: Any) -> bool:
    (is_free,) = connection.execute(f"SELECT pg_try_advisory_lock({WRITERS_LOCK})").fetchone()
    if is_free:
        connection.execute(f"SELECT pg_advisory_unlock({WRITERS_LOCK})")
    return bool(is_free)


if __name__ == "__main__":
    main(sys.argv[1])
