"""The same trouble every minute is not the same line every minute."""

from __future__ import annotations

import logging

import pytest

from tracker.logs.throttle import CALM, HOUR, Repeated, Seldom

MINUTE = 60.0


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trouble(clock: Clock) -> Repeated:
    return Repeated(logging.getLogger("trouble"), clock=clock)


def every_minute(trouble: Repeated, clock: Clock, text: str, times: int) -> None:
    for _ in range(times):
        trouble.failed(text)
        clock.now += MINUTE


def test_it_is_told_at_once_then_each_hour_and_once_when_it_is_over(
    trouble: Repeated, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    every_minute(trouble, clock, "no answer", 130)
    trouble.over("it answers")
    trouble.over("it answers")
    first, second, third, over = caplog.messages
    assert first == "no answer"
    assert second.startswith("still failing, 61 times since 20")
    assert second.endswith("Z: no answer")
    assert third.startswith("still failing, 121 times since ")
    assert over == "it answers (130 failures)"


def test_another_trouble_is_told_at_once_and_other_digits_are_none(
    trouble: Repeated, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for port in range(50):
        trouble.failed(f"port {port} is closed")
    trouble.failed("no answer")
    assert caplog.messages == ["port 0 is closed", "no answer"]


def test_one_that_comes_and_goes_is_told_every_few_minutes(
    trouble: Repeated, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ends_at = clock.now + HOUR
    while clock.now < ends_at:
        trouble.failed("lost")
        trouble.over("found")
        clock.now += 1
    assert len(caplog.messages) <= 2 * (HOUR / CALM)


def test_one_that_stays_after_it_came_back_is_told_within_minutes(
    trouble: Repeated, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    trouble.failed("lost")
    trouble.over("found")
    clock.now += 1
    every_minute(trouble, clock, "lost", 6)
    assert [text.startswith("still failing") for text in caplog.messages] == [False, False, True]


def test_over_says_nothing_where_nothing_failed(
    trouble: Repeated, caplog: pytest.LogCaptureFixture
) -> None:
    trouble.over("found")
    assert caplog.messages == []


def test_a_logger_of_others_repeats_itself_once_an_hour(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log, filter = logging.getLogger("of.others"), Seldom(clock=clock)
    caplog.set_level("INFO")
    log.addFilter(filter)
    try:
        for attempt in range(130):
            log.error("attempt %d failed", attempt)
            log.info("attempt %d", 0)
            clock.now += MINUTE
    finally:
        log.removeFilter(filter)
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told == [
        "attempt 0 failed",
        "attempt 60 failed (and 59 times since the last line)",
        "attempt 120 failed (and 59 times since the last line)",
    ]
    assert caplog.messages.count("attempt 0") == 130


def test_it_remembers_so_many_troubles_and_no_more(clock: Clock) -> None:
    filter = Seldom(clock=clock)
    for letter in map(chr, range(0x4E00, 0x4E00 + 500)):
        record = logging.LogRecord("x", logging.ERROR, "", 1, letter, None, None)
        assert filter.filter(record)
    assert len(filter._told) == Seldom.MOST
