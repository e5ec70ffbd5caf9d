"""The time as other hosts tell it."""

from email.utils import formatdate

import pytest

from worker import told_time


@pytest.fixture(autouse=True)
def _untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_time, "_newest", None)


def test_it_is_the_date_of_the_newest_answer_and_what_passed_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for headers in ({}, {"Date": "yesterday"}, {"Date": formatdate(0), "Age": "x"}):
        told_time.note(headers)
        assert told_time.told_ms() is None
    monkeypatch.setattr(told_time, "monotonic", lambda: 100.0)
    told_time.note({"Date": "Mon, 23 Nov 2026 12:00:00 GMT", "Age": "30"})
    monkeypatch.setattr(told_time, "monotonic", lambda: 160.0)
    assert told_time.told_ms() == 1_795_435_200_000 + 90_000
