"""Each fault alone, then many in a seeded order: no tick lost, doubled or invented, for anyone."""

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.breaks import FAULTS
from tests.faults.harness.fault import Fault
from tests.faults.harness.watch import Watch

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SEED = int(os.environ.get("FAULTS_SEED", "20261123"))
BUDGET_S = 60.0
"""For the sequence: it is as long as fits in there."""
TWICE = 0.5
"""The part of the steps of the sequence that are two faults at once."""
ALONE = ("all", "clock")
"""What breaks by itself: a clock is known to be right only by what others answer."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_is_lost(
    watch: Watch, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    record_property("row", watch.try_out(fault))


def test_nothing_is_lost_in_a_seeded_sequence_of_faults(
    watch: Watch, record_property: Callable[[str, object], None]
) -> None:
    """`FAULTS_SEED=1 make test-faults` for another one."""
    ends_at = time.monotonic() + BUDGET_S
    for number, faults in enumerate(sequence(SEED)):
        names = " and ".join(fault.name for fault in faults)
        print(f"step {number} of seed {SEED}: {names}")  # noqa: T201 - shown when it fails
        watch.recovery(*faults)
        watch.check()
        if time.monotonic() > ends_at:
            break
    record_property("balance", watch.balance())


def sequence(seed: int) -> Iterator[tuple[Fault, ...]]:
    """Yield faults for ever, one or two that do not break the same thing."""
    chance = random.Random(seed)
    while True:
        first = chance.choice(FAULTS)
        others = [fault for fault in FAULTS if fault.what not in (first.what, *ALONE)]
        if first.what in ALONE or chance.random() > TWICE:
            yield (first,)
        else:
            yield first, chance.choice(others)
