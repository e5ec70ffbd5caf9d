"""Each fault alone, then many in a seeded order: no tick lost, doubled or invented, for anyone."""

from __future__ import annotations

import time

import pytest

from tests.faults.faults import FAULTS, Fault
from tests.faults.ledger import complaints
from tests.faults.product import Product
from tests.faults.readers import Readers
from tests.support import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SEED = 20261123
LENGTH = 8
"""Faults of the sequence."""


def recover(product: Product, readers: Readers, fault: Fault) -> float:
    """Break and mend; return the seconds until all readers have a tick committed after that."""
    fault.act(product)
    mended = time.monotonic()
    last = product.committed()[-1]
    fresh = wait_for(lambda: [id for id in product.committed() if id > last], 60, "a new tick")[0]
    try:
        wait_for(lambda: readers.have(fresh), 60)
    except AssertionError:
        behind = [(r.kind, r.last, r.connections) for r in readers.behind(fresh)]
        pytest.fail(f"{len(behind)} readers lack {fresh}: {behind[:3]}\n{product.output[-3000:]}")
    return time.monotonic() - mended


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_is_lost(
    product: Product, readers: Readers, fault: Fault, record_property: pytest.FixtureRequest
) -> None:
    seconds = recover(product, readers, fault)
    record_property("seconds", round(seconds, 1))  # type: ignore[operator]
    assert complaints(readers.all, product.committed()) == []
    assert seconds <= fault.within
