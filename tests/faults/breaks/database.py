"""The database: the truth, which nobody can write to for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.harness.fault import STILL, Fault
from tests.faults.harness.product import Product

HEALTHY = "PRAGMA query_only = 0\nPRAGMA max_page_count = 1073741823"


def lock(product: Product) -> None:
    """Hold the write lock for ten seconds."""
    with product.lock_database():
        time.sleep(10)


def sabotage(pragma: str) -> Callable[[Product], None]:
    """Let SQLite refuse to write."""

    def act(product: Product) -> None:
        product.sabotage.write_text(pragma)
        time.sleep(4)
        product.sabotage.write_text(HEALTHY)

    return act


def restart_postgresql(product: Product) -> None:
    """End PostgreSQL without a goodbye to its clients, and start it again."""
    assert product.postgres is not None
    product.postgres.restart()


def stop_postgresql(product: Product) -> None:
    """Let there be no PostgreSQL for some seconds."""
    assert product.postgres is not None
    product.postgres.restart(after=4)


FAULTS = (
    Fault("database: locked for 10 s", lock, STILL, 20),
    Fault("database: disk full for 4 s", sabotage("PRAGMA max_page_count = 1"), STILL),
    Fault("database: read-only for 4 s", sabotage("PRAGMA query_only = 1"), STILL),
)

OF_POSTGRESQL = (
    Fault("PostgreSQL: restarted", restart_postgresql, "at most, one tick less"),
    Fault("PostgreSQL: gone for 4 s", stop_postgresql, STILL),
)
