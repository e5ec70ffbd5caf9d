"""The faults of `make run` and of PostgreSQL: nothing is lost by them either."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.faults import OF_MAKE_RUN
from tests.faults.harness.fault import Fault
from tests.faults.harness.watch import Watch
from tests.support.tools import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.mark.parametrize("fault", OF_MAKE_RUN, ids=lambda fault: fault.name)
def test_nothing_is_lost(
    watch_of_make_run: Watch, fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    seconds = watch_of_make_run.recovery(fault)
    watch_of_make_run.check()
    assert seconds <= fault.within
    record_property("row", fault.row(seconds))


def test_who_was_away_for_too_long_is_told_what_it_missed(
    watch_of_make_run: Watch, record_property: Callable[[str, object], None]
) -> None:
    """Here two ticks are kept, and readers stay away for up to five."""
    watch_of_make_run.readers.away = 5
    wait_for(lambda: is_told(watch_of_make_run), 30, "a reader that was away for too long")
    record_property("balance", watch_of_make_run.balance())


def is_told(watch: Watch) -> bool:
    watch.check()
    return watch.told > 0
