"""The faults of a product that asks exchanges: nothing is lost, and no price is wrong."""

from collections.abc import Callable

import pytest

from tests.faults.breaks import OF_EXCHANGES
from tests.faults.breaks.exchanges import is_well
from tests.faults.harness.fault import Fault
from tests.faults.harness.product import BITCOIN
from tests.faults.harness.watch import Watch
from tests.support.tools import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

MOST = BITCOIN * 1.05
"""Far above what it rises to, and what one exchange alone is believed."""


@pytest.mark.parametrize("fault", OF_EXCHANGES, ids=lambda fault: fault.name)
def test_nothing_is_lost_and_no_price_is_wrong(
    watch_of_exchanges: Watch, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    product = watch_of_exchanges.product
    wait_for(lambda: is_well(product), 60, "all to be well")
    record_property("row", watch_of_exchanges.try_out(fault))
    prices = product.committed_prices("bitcoin")
    assert min(prices) >= BITCOIN
    assert max(prices) <= MOST
