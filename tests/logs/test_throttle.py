"""A failure that repeats does not fill the log, and none goes unlogged."""

import logging

import pytest

from tracker.logs.throttle import FLAPPING_S, REPEAT_S, FailureLog, RepetitionFilter


class Clock:
    now = 1000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failures(clock: Clock) -> FailureLog:
    return FailureLog(logging.getLogger("failures"), clock=lambda: clock.now)


def fail_every_minute(failures: FailureLog, clock: Clock, text: str, times: int) -> None:
    for _ in range(times):
        failures.failed(text)
        clock.now += 60


def test_a_failure_is_logged_at_once_then_each_hour_and_its_recovery_once(
    failures: FailureLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failures.recovered("it has never failed")
    fail_every_minute(failures, clock, "no answer", 130)
    failures.recovered("it answers")
    failures.recovered("it answers")
    first, second, third, recovery = caplog.messages
    assert first == "no answer"
    assert second.startswith("still failing, 61 times since 20")
    assert second.endswith("Z: no answer")
    assert third.startswith("still failing, 121 times since ")
    assert recovery == "it answers (130 failures)"


def test_another_failure_is_logged_at_once_but_other_digits_make_none(
    failures: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    for port in range(50):
        failures.failed(f"port {port} is closed")
    failures.failed("no answer")
    assert caplog.messages == ["port 0 is closed", "no answer"]


def test_one_that_comes_and_goes_is_logged_every_few_minutes_and_soon_when_it_stays(
    failures: FailureLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(int(REPEAT_S)):
        failures.failed("lost")
        failures.recovered("found")
        clock.now += 1
    assert 2 < len(caplog.messages) <= 2 * (REPEAT_S / FLAPPING_S)
    caplog.clear()
    fail_every_minute(failures, clock, "lost", 6)
    assert [text.startswith("still failing") for text in caplog.messages] == [True]


def test_a_library_repeats_an_error_once_an_hour_and_its_infos_as_often_as_it_likes(
    clock: Clock,
) -> None:
    filter, passed = RepetitionFilter(clock=lambda: clock.now), []
    for attempt in range(130):
        for level in (logging.ERROR, logging.INFO):
            record = logging.LogRecord("x", level, "", 1, "attempt %d", (attempt,), None)
            if filter.filter(record):
                passed.append((level, record.getMessage()))
        clock.now += 60
    assert [text for level, text in passed if level == logging.ERROR] == [
        "attempt 0",
        "attempt 60 (and 59 times since the last line)",
        "attempt 120 (and 59 times since the last line)",
    ]
    assert len(passed) == 3 + 130
    for letter in map(chr, range(0x4E00, 0x4E00 + 500)):
        assert filter.filter(logging.LogRecord("x", logging.ERROR, "", 1, letter, None, None))
    assert len(filter._logged) == RepetitionFilter.MAX_REMEMBERED
