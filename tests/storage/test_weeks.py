"""Sparklines' weeks are read in the background, and nobody waits for a database that hangs."""

import threading
from decimal import Decimal

import pytest
from sqlalchemy.exc import OperationalError

from tests.support.tools import wait_for
from tracker.storage.history import Series
from tracker.storage.weeks import REFRESH_S, RETRY_S, Weeks
from tracker.times import HOUR_MS


class Reads:
    """A history that grows, and notes what is read."""

    def __init__(self) -> None:
        self.ages = range(160)
        self.coins: list[str] = []
        self.now = 0.0
        self.may_return = threading.Event()
        self.may_return.set()
        self.error: Exception | None = None

    def __call__(self, coin: str, range: str, now: int) -> Series:
        assert range == "7d"
        self.coins.append(coin)
        self.may_return.wait()
        if self.error:
            raise self.error
        ages = reversed([Decimal(age) for age in self.ages])
        return Series([(now - int(age) * HOUR_MS, -age) for age in ages], "hour")


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def weeks(reads: Reads) -> Weeks:
    return Weeks(reads, clock=lambda: reads.now)


def test_a_week_is_even_and_is_read_again_after_a_while(reads: Reads, weeks: Weeks) -> None:
    found = weeks.of(["a", "b"], wait_s=10)
    assert found.keys() == {"a", "b"}
    assert 80 <= len(found["a"]) <= 84
    assert sorted(found["a"]) == found["a"]
    reads.now += REFRESH_S - 1
    assert weeks.of(["a", "b"]) is found
    assert reads.coins == ["a", "b"]
    reads.now += 1
    wait_for(lambda: weeks.of(["a", "b", "c"]).keys() == {"a", "b", "c"})


def test_while_a_coin_has_no_week_it_is_looked_for_each_minute(reads: Reads, weeks: Weeks) -> None:
    reads.ages = range(1)
    assert weeks.of(["a"], wait_s=10) == {"a": [0]}
    reads.ages, reads.now = range(160), RETRY_S
    wait_for(lambda: len(weeks.of(["a"])["a"]) > 1)


def test_a_failure_shows_no_weeks_and_is_tried_again(reads: Reads, weeks: Weeks) -> None:
    reads.error = OperationalError("select", {}, Exception("gone"))
    assert weeks.of(["a"], wait_s=10) == {}
    assert weeks.of(["a"], wait_s=10) == {}
    assert reads.coins == ["a"]
    reads.error, reads.now = None, RETRY_S
    assert weeks.of(["a"], wait_s=10).keys() == {"a"}


def test_a_database_that_hangs_is_waited_for_once_and_not_long(reads: Reads, weeks: Weeks) -> None:
    reads.may_return.clear()
    assert weeks.of(["a"], wait_s=0.01) == {}
    reads.now = RETRY_S
    assert weeks.of(["a"], wait_s=10) == {}
    assert reads.coins == ["a"]
    reads.may_return.set()
    wait_for(lambda: weeks.of(["a"]))
