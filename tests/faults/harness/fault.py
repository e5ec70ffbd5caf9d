"""What a fault is, and the words for what a user sees of it.

Whatever breaks, the same is expected: nothing lost, nothing twice, nothing
invented, and live again by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.faults.harness.product import Product

NOTHING = "nothing"
STILL = "prices stand still, “Stale” after three intervals; then they go on"
REASON = "prices stand still and the reason is told, “Stale” after three intervals; then they go on"
LATER = "ticks come some seconds later, from the database; the reason is told"
AGAIN = "“Reconnecting” for some seconds, then all that was missed"


class Fault(NamedTuple):
    """One way to break the product, named `what: how`."""

    name: str
    act: Callable[[Product], None]
    """Breaks it, holds it broken for a while, and mends it."""
    sees: str
    """What a user sees."""
    within: float = 10.0
    """Seconds from the mending until every reader has a tick that was committed after it."""

    @property
    def what(self) -> str:
        """What is broken."""
        return self.name.partition(":")[0]

    def row(self, seconds: float) -> str:
        """Return the row of docs/testing.md's table; that no tick is lost was found before."""
        return f"| {self.name} | {self.sees} | {seconds:.1f} | 0 |"
