"""All faults, a module for each thing that breaks."""

from tests.faults.breaks import database, exchanges, processes, redis_server, source, visitors

FAULTS = (
    *processes.FAULTS,
    *redis_server.FAULTS,
    *database.FAULTS,
    *source.FAULTS,
    *visitors.FAULTS,
    *processes.OF_THE_CLOCK,
)
"""Of a product on SQLite, process by process."""
OF_MAKE_RUN = (*processes.OF_THE_LAUNCHER, *database.OF_POSTGRESQL)
"""Of a product on PostgreSQL that `make run` has started."""
OF_EXCHANGES = exchanges.FAULTS
"""Of a product on SQLite that asks two exchanges."""
