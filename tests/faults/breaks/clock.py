"""The clock of all processes, which is set while they run; those of Redis and SQLite stay."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.harness.fault import Fault
from tests.faults.harness.product import Product

HOUR = 3600
AHEAD = "nothing, but for times that stay where they were until the clock has caught up"


def step(seconds: int) -> Callable[[Product], None]:
    """Let the clock jump, and stay there."""

    def act(product: Product) -> None:
        product.step_clock(seconds)

    return act


FAULTS = (
    Fault("clock: an hour forward", step(HOUR), "“Stale” until the next tick"),
    Fault("clock: an hour back", step(-HOUR), AHEAD),
)
