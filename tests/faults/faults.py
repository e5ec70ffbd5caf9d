"""All faults: those of a product on SQLite, process by process, and those of `make run`."""

from __future__ import annotations

from tests.faults.breaks import database, processes, redis_server, source, visitors

FAULTS = (
    *processes.FAULTS,
    *redis_server.FAULTS,
    *database.FAULTS,
    *source.FAULTS,
    *visitors.FAULTS,
    *processes.OF_THE_CLOCK,
)

OF_MAKE_RUN = (*processes.OF_THE_LAUNCHER, *database.OF_POSTGRESQL)
"""Of a product on PostgreSQL that `make run` has started."""
