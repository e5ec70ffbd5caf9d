"""The database: the truth, which nobody can write to for a while."""

import sqlite3
import time
from contextlib import closing

from tests.faults.harness.fault import NOTHING, REASON, STILL, Act, Fault
from tests.faults.harness.product import Product

HEALTHY = "PRAGMA query_only = 0\nPRAGMA max_page_count = 1073741823"


def lock(product: Product) -> None:
    """Hold SQLite's write lock for ten seconds, as somebody's forgotten transaction would."""
    with closing(sqlite3.connect(product.sqlite, isolation_level=None, timeout=20)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(10)


def damage(product: Product) -> None:
    """Write by hand, where the newest price and how the source does are, what is neither."""
    with closing(sqlite3.connect(product.sqlite, timeout=20)) as connection, connection:
        newest = "WHERE position = 0 AND tick_id = (SELECT max(id) FROM tick)"
        connection.execute(f"UPDATE quote SET price = '12x' {newest}")  # noqa: S608
        connection.execute("UPDATE health SET fresh_at = 'x', failures = 'many'")


def sabotage(pragma: str) -> Act:
    """Let SQLite refuse to write."""

    def act(product: Product) -> None:
        product.pragmas.write_text(pragma)
        time.sleep(4)
        product.pragmas.write_text(HEALTHY)

    return act


def restart_postgresql(after: float) -> Act:
    """End PostgreSQL without a goodbye to its clients, and start it again *after* a while."""

    def act(product: Product) -> None:
        assert product.postgres is not None
        product.postgres.restart(after=after)

    return act


FAULTS = (
    Fault("database: locked for 10 s", lock, REASON, 20),
    Fault("database: disk full for 4 s", sabotage("PRAGMA max_page_count = 1"), REASON),
    Fault("database: read-only for 4 s", sabotage("PRAGMA query_only = 1"), REASON),
    Fault("database: a price and a time that are no numbers", damage, NOTHING),
)

OF_POSTGRESQL = (
    Fault("PostgreSQL: restarted", restart_postgresql(after=0), "at most, one tick less"),
    Fault("PostgreSQL: gone for 4 s", restart_postgresql(after=4), STILL),
)
