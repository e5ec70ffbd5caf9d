"""Times: unix milliseconds inside, ISO 8601 in UTC outside."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.times import LAST_MS, checked_ms, iso, unix_ms


def test_they_are_written_in_utc_with_milliseconds() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1_795_413_247_052) == "2026-11-23T05:54:07.052Z"
    assert iso(LAST_MS) == "9999-12-31T23:59:59.999Z"


@given(st.integers(0, LAST_MS))
def test_every_millisecond_comes_back_and_the_standard_library_reads_the_same(ms: int) -> None:
    assert unix_ms(iso(ms)) == ms
    seconds = datetime.fromisoformat(iso(ms)) - datetime.fromtimestamp(0, UTC)
    assert round(seconds.total_seconds() * 1000) == ms


def test_zones_are_understood_and_needed() -> None:
    assert unix_ms("2026-11-23T07:54:00+02:00") == unix_ms("2026-11-23T05:54:00Z")
    with pytest.raises(ValueError, match="no time zone"):
        unix_ms("2026-11-23T05:54:00")


@pytest.mark.parametrize("value", [-1, LAST_MS + 1, True, 1.5, "1", None])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a time"):
        checked_ms(value)
