"""What a fault is, and the words for what a user sees of it.

Whatever breaks, the same is expected: nothing lost, nothing twice, nothing
invented, and live again by itself.
"""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from tests.faults.harness.product import Product
from tests.support.proxy import Proxy

NOTHING = "nothing"
STILL = "prices stand still, “Stale” after three intervals; then they go on"
REASON = "prices stand still and the reason is told, “Stale” after three intervals; then they go on"
LATER = "ticks come some seconds later, from the database; the reason is told"
AGAIN = "“Reconnecting” for some seconds, then all that was missed"

Act = Callable[[Product], None]
"""Breaks something, holds it broken for a while, and mends it."""


class Fault(NamedTuple):
    """One way to break the product, named `what: how`."""

    name: str
    act: Act
    sees: str
    """What a user sees."""
    within: float = 10.0
    """Seconds from the mending until every reader has a tick that was committed after it."""

    @property
    def what(self) -> str:
        """What is broken."""
        return self.name.partition(":")[0]


def way_broken(
    way: Literal["to_redis", "to_source"], how: Callable[[Proxy], None], seconds: float
) -> Act:
    """Break the network between the product and Redis, or the source, for *seconds*."""

    def act(product: Product) -> None:
        proxy: Proxy = getattr(product, way)
        how(proxy)
        time.sleep(seconds)
        proxy.mend()

    return act
