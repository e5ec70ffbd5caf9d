"""The start of the web and of flask's commands: by the settings, or one line and no web."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.tools import Child, environment

SERVE = ("gunicorn", "wsgi:app")
MIGRATE = ("flask", "--app", "wsgi", "db", "upgrade")


@pytest.mark.parametrize("command", [SERVE, MIGRATE])
def test_a_bad_setting_ends_the_start_with_one_line(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    env = environment(TRACKER_COINS="many", REDIS_URL="redis://127.0.0.1:1")
    with Child(*command, env=env, log=tmp_path / "log") as child:
        assert child.wait() == 1
    assert child.output == (
        'TRACKER_COINS="many" is not accepted; accepted: a whole number from 1 to 250\n'
    )


def test_a_web_without_a_redis_says_what_to_set(tmp_path: Path) -> None:
    with Child(*SERVE, env=environment(), log=tmp_path / "log") as child:
        assert child.wait() == 1
    assert child.output.startswith("REDIS_URL is not set; accepted: ")
    assert child.output.count("\n") == 1


def test_a_new_database_is_made_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "tracker.db"
    env = environment(DATABASE_URL=f"sqlite:///{path}")
    with Child(*MIGRATE, env=env, log=tmp_path / "log") as child:
        assert child.wait() == 0, child.output
    database = sqlite3.connect(path)
    assert database.execute("SELECT count(*) FROM tick").fetchall() == [(0,)]
    database.close()
