"""The same trouble every minute is not the same line every minute.

The first time is told at once, another trouble at once, the same one then once
an hour with how often it came, and its end once. One that comes and goes is
told every few minutes at most. Two texts are the same trouble if they differ in
digits alone: ports, ids and seconds change.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from tracker.times import iso, now_ms

HOUR = 3600.0
"""Seconds between two lines about a trouble that stays."""
CALM = 300.0
"""Seconds between two lines about a trouble that comes and goes."""

_DIGITS = re.compile(r"\d+")


def is_same(one: str, other: str) -> bool:
    """Return whether two texts tell the same trouble."""
    return _DIGITS.sub("0", one) == _DIGITS.sub("0", other)


def still(times: int, since: int) -> str:
    """Return how a summary begins; *since* is unix milliseconds."""
    return f"still failing, {times} times since {iso(since)}"


class Repeated:
    """One thing that can fail, again and again, told to *log*."""

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._text: str | None = None
        self._key = ""
        self._times = 0
        self._since = 0
        self._line_at = 0.0
        self._is_told = False

    def failed(self, text: str, *, key: str | None = None) -> None:
        """Warn of *text*, unless it was told; what has the same *key* is the same trouble."""
        now = self._clock()
        if self._text is None or not is_same(key or text, self._key):
            self._begin(text, key or text)
        self._times += 1
        patience = HOUR if self._is_told else CALM
        if self._times > 1 and now - self._line_at < patience:
            return
        again = "" if self._times == 1 else f"{still(self._times, self._since)}: "
        self._log.warning("%s%s", again, text)
        self._line_at, self._is_told = now, True

    def over(self, text: str) -> None:
        """Tell by *text* that it works again, if it was told that it did not.

        At the same level: who was warned wants to know.
        """
        if self._is_told:
            self._is_told = False
            plural = "" if self._times == 1 else "s"
            self._log.warning("%s (%d failure%s)", text, self._times, plural)

    def _begin(self, text: str, key: str) -> None:
        self._text, self._key, self._times = text, key, 0
        self._since = now_ms()
        self._is_told = False


class Seldom(logging.Filter):
    """Lets a logger tell the same trouble once an hour, from WARNING up."""

    MOST = 100
    """Troubles remembered."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is worth a line; it then says how often it was not."""
        if record.levelno < logging.WARNING:
            return True
        text, now = record.getMessage(), self._clock()
        key = _DIGITS.sub("0", text)
        told_at, held_back = self._told.pop(key, (None, 0))
        if told_at is not None and now - told_at < HOUR:
            self._told[key] = told_at, held_back + 1
            return False
        self._told[key] = now, 0
        while len(self._told) > self.MOST:
            del self._told[next(iter(self._told))]
        if held_back:
            record.msg, record.args = "%s (and %d times since the last line)", (text, held_back)
        return True
