"""The faults of `make run` and of PostgreSQL: nothing is lost by them either."""

from collections.abc import Callable

import pytest

from tests.faults.breaks import OF_MAKE_RUN
from tests.faults.harness.fault import Fault
from tests.faults.harness.watch import Watch
from tests.support.tools import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.mark.parametrize("fault", OF_MAKE_RUN, ids=lambda fault: fault.name)
def test_nothing_is_lost(
    watch_of_make_run: Watch, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    record_property("row", watch_of_make_run.try_out(fault))


def test_who_was_away_for_too_long_is_told_what_it_missed(
    watch_of_make_run: Watch, record_property: Callable[[str, object], None]
) -> None:
    """Here two ticks are kept, and readers stay away for up to five."""
    watch_of_make_run.readers.away_s = 5

    def is_told() -> bool:
        watch_of_make_run.check()
        return watch_of_make_run.told > 0

    wait_for(is_told, 30, "a reader that was away for too long")
    record_property("balance", watch_of_make_run.balance())
