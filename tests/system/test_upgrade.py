"""An upgrade under load: web, worker and scheduler are replaced, and no reader loses a tick."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.readers import Readers
from tests.support.deployment import Host
from tests.support.tools import ROOT, Child, environment, wait_for
from tests.support.web_process import request

pytestmark = pytest.mark.faults

READERS = 200


@contextmanager
def all_return(readers: Readers) -> Iterator[None]:
    """Wait, at the end, until all were let go and are back."""
    before = [reader.connections for reader in readers.all]
    yield
    wait_for(
        lambda: all(
            reader.connections > count for reader, count in zip(readers.all, before, strict=True)
        ),
        60,
        "all to have been let go",
    )


def status_of_a_long_address(port: int) -> int:
    with request(port, "/" + "x" * 200) as sock:
        return int(sock.recv(4096).split(b" ", 2)[1])


def test_a_rolling_restart_under_load_serves_the_new_code_and_loses_no_reader_a_tick(
    redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    port = free_port()
    database = f"sqlite:///{tmp_path / 'tracker.db'}"
    env = environment(
        DATABASE_URL=database,
        REDIS_URL=redis_server.url,
        PORT=str(port),
        WEB_CONCURRENCY="2",
        TRACKER_SOURCE="simulated",
        TRACKER_INTERVAL="1",
        TRACKER_RETRY="1",
        TRACKER_MAX_SUBSCRIBERS_PER_IP=str(READERS * 3),
    )
    host = Host(tmp_path / "host", env)
    engine = sqlalchemy.create_engine(database)

    def stored() -> list[int]:
        with engine.connect() as connection:
            return list(connection.scalars(sqlalchemy.text("SELECT id FROM tick ORDER BY id")))

    with ExitStack() as stack:
        stack.callback(engine.dispose)
        with host.start("release") as release:
            assert release.wait(30) == 0, release.output
        running: dict[str, Child] = {}

        def restart(name: str) -> None:
            """End *name*, if it runs, and start it anew, as `systemctl restart` does."""
            if name in running:
                assert running[name].end(30) == 0, running[name].output
            running[name] = stack.enter_context(host.start(name))

        for name in ("web", "worker", "scheduler"):
            restart(name)
        wait_for(lambda: len(stored()) >= 2, 30, "the first ticks")
        assert status_of_a_long_address(port) == 404
        readers = stack.enter_context(Readers(port, READERS))
        wait_for(lambda: readers.have(1), 30, "all readers to have begun")

        # The new code, also where the first process has read the old for its own use.
        limits = host.folder / "tracker" / "server" / "request_limits.py"
        limits.write_text(limits.read_text() + "\nMAX_LINE = 100\n")
        with all_return(readers):
            running["web"].process.send_signal(signal.SIGHUP)
            wait_for(lambda: status_of_a_long_address(port) == 414, 40, "the new version")
            restart("scheduler")
            restart("worker")
        with all_return(readers):
            restart("web")
        newest = stored()[-1]
        wait_for(lambda: readers.have(newest), 60, "all to have the newest tick")
        ledger = Ledger()
        ledger.look(readers.all, stored)
        assert (ledger.remarks, ledger.told) == ([], 0)
        assert len(stored()) > 10


def test_a_database_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path, env = tmp_path / "tracker.db", environment(TRACKER_SOURCE="simulated")
    upgrade = ["flask", "--app", "wsgi", "db", "upgrade"]
    path.write_text("this is a text, and no database" * 99)
    for url, line in (
        (f"sqlite:///{path}", "the database cannot be migrated: DatabaseError: file is not a"),
        (f"sqlite:///{path}/x/t.db", "its folder cannot be made: not a directory"),
    ):
        done = subprocess.run(
            upgrade, cwd=ROOT, env=env | {"DATABASE_URL": url}, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert line in done.stderr
        assert done.stderr.count("\n") == 1
