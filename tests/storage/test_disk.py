"""What the settings will store, and whether there is room for it."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tracker.config import Settings
from tracker.market.coins import Coins
from tracker.storage.disk import DiskUse, expected_bytes, warning


def test_it_is_of_the_measured_size() -> None:
    """250 coins each second: 200 MB in an hour, before they are thinned (see bench/growth.py)."""
    fast = Settings(coins=Coins(250), interval=1, retention_days=1)
    hour = expected_bytes(fast) - expected_bytes(Settings(coins=Coins(250), retention_days=1))
    assert 100e6 < hour < 250e6
    assert expected_bytes(Settings()) < 100e6


def test_the_start_warns_of_settings_that_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = SimpleNamespace(free=2_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room)
    for suffix in ("", "-wal"):
        (tmp_path / f"t.db{suffix}").write_bytes(b"x" * 1_000_000)
    url = f"sqlite:///{tmp_path / 't.db'}"
    much = Settings(coins=Coins(250), retention_days=365, database_url=url)
    assert DiskUse.of(url) == (2_000_000, room.free)
    text = warning(much) or ""
    assert "no room for it: the database has 2.0 MB, its disk 2.0 GB left. Set TRACKER_R" in text
    room.free *= 100
    assert warning(much) is None
    assert warning(replace(much, database_url="postgresql+psycopg://h/n")) is None
