"""The disk under a SQLite file: how much the settings will store, how much there is, what is left.

PostgreSQL's disk is its host's matter.
"""

import shutil
from contextlib import suppress
from typing import NamedTuple, Self

from tracker.config import Settings, sqlite_path
from tracker.storage.rollup import WHOLE_MS

QUOTE_BYTES, CANDLE_BYTES = 220, 120
"""What a quote and a candle take, with their part of the indexes: measured, rounded up."""
LOW_BYTES = 200 * 2**20
"""Room below which an operator should act."""


class DiskUse(NamedTuple):
    """The bytes of the database's files, and those that are free on their disk."""

    size: int
    room: int

    @classmethod
    def of(cls, database_url: str) -> Self | None:
        """Return how it is now; None unless *database_url* is a file's that can be looked at."""
        path = sqlite_path(database_url)
        if path is None:
            return None
        size = 0
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                size += path.with_name(path.name + suffix).stat().st_size
        try:
            return cls(size, shutil.disk_usage(path.parent).free)
        except OSError:
            return None

    def __str__(self) -> str:
        """Return it in words."""
        return f"the database has {_in_words(self.size)}, its disk {_in_words(self.room)} left"


def expected_bytes(settings: Settings) -> int:
    """Return about how much the database will have after a year with these *settings*."""
    whole = max(settings.replay, WHOLE_MS // 1000 // settings.interval)
    thinned = settings.retention_days * 86_400 // max(60, settings.interval)
    coins = settings.coins.most
    return coins * ((whole + thinned) * QUOTE_BYTES + 365 * 24 * CANDLE_BYTES)


def warning(settings: Settings) -> str | None:
    """Return in a sentence that the disk will be full with these *settings*, if it will."""
    used, expected = DiskUse.of(settings.database_url), expected_bytes(settings)
    if used is None or expected <= used.size + used.room:
        return None
    return (
        f"these settings will store {_in_words(expected)}, and there is no room for it: {used}."
        " Set TRACKER_RETENTION_DAYS, TRACKER_COINS or TRACKER_REPLAY lower,"
        " or DATABASE_URL to another disk"
    )


def _in_words(size: int) -> str:
    """Return *size* bytes in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
