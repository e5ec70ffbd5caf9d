"""Jobs that hang, each in another way, for workers that are to go on."""

import socket
import sqlite3
import time
from tempfile import TemporaryDirectory

from worker.threads import in_thread

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n"


def in_a_socket() -> None:
    """Wait for a byte that nobody sends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def in_python() -> None:
    """Compute for ever."""
    while True:
        pass


def in_another_thread() -> None:
    """Wait for a request that does not end."""
    in_thread(time.sleep, 600).result()


def in_a_query() -> None:
    """Run a query for ever, in C code that does not come back for a signal."""
    sqlite3.connect(":memory:").execute(FOR_EVER)


def in_a_lock_of_sqlite() -> None:
    """Wait for a lock that another connection holds, in C code as well."""
    with TemporaryDirectory() as folder:
        for _ in range(2):
            database = sqlite3.connect(f"{folder}/db", timeout=600, isolation_level=None)
            database.execute("BEGIN IMMEDIATE")
