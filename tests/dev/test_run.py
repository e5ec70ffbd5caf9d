"""The launcher: real processes of small Procfiles of the tests' own."""

import os
import re
import shlex
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from dev.embedded_redis import free_port
from dev.run import check_port, sole_user_of
from tests.support.tools import LAUNCHERS_GRACE_S, Child, environment, is_gone, wait_for
from tracker.errors import ConfigError

WEB = "python -m http.server --bind 127.0.0.1 $PORT"
STAYS = 'echo "stays pid=$$ with $REDIS_URL"; exec sleep 600'
STUBBORN = (
    "trap 'n=$((n+1)); echo refuses $n' TERM; echo \"stubborn pid=$$\"; while :; do sleep 0.1; done"
)
"""Its sleeps are short: one that misses the TERM that its shell got would hold the trap up."""


def is_free(port: int) -> bool:
    """Return whether nothing listens on the loopback's *port*."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


class Launcher(Child):
    """`python -m dev.run` with a Procfile of its own, alone in its process group."""

    def __init__(
        self, directory: Path, lines: dict[str, str], *, read_by: str = "", **env: str
    ) -> None:
        procfile = directory / "Procfile"
        procfile.write_text("".join(f"{name}: {command}\n" for name, command in lines.items()))
        self.temporary = directory / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.port = int(env.setdefault("PORT", str(free_port())))
        command = ["-m", "dev.run", str(procfile)]
        if read_by:
            piped = f"python {shlex.join(command)} | {read_by}; exit ${{PIPESTATUS[0]}}"
            command = ["bash", "-c", piped]
        env.setdefault("DATABASE_URL", f"sqlite:///{directory / 'tracker.db'}")
        env = environment(None, TMPDIR=str(self.temporary), **env)
        super().__init__(*command, env=env, log=directory / "log", grace_s=LAUNCHERS_GRACE_S)

    def until(self, *texts: str) -> None:
        """Wait until the output has each of *texts*."""
        wait_for(lambda: all(text in self.output for text in texts), what=f"{texts}")

    def ended(self) -> int:
        """Wait until it and all that it started or made is gone; return its status."""
        status = self.wait()
        wait_for(self._left_nothing, what=f"no process, file or port after {self.output}")
        return status

    def _left_nothing(self) -> bool:
        pids = [int(pid) for pid in re.findall(r"pid=(\d+)", self.output)]
        ports = [self.port, *map(int, re.findall(r"redis://127.0.0.1:(\d+)", self.output))]
        is_tidy = not list(self.temporary.iterdir())
        return all(map(is_gone, pids)) and all(map(is_free, ports)) and is_tidy


Launch = Callable[..., Launcher]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start a launcher."""
    with ExitStack() as stack:
        yield lambda lines, **env: stack.enter_context(Launcher(tmp_path, lines, **env))


def to_group(launcher: Launcher) -> None:
    """Ctrl-C: the terminal signals every process of the group."""
    os.killpg(launcher.process.pid, signal.SIGINT)


def terminate(launcher: Launcher) -> None:
    """SIGTERM to the launcher alone."""
    launcher.process.terminate()


@pytest.mark.parametrize("ask", [to_group, terminate])
def test_gives_the_address_and_ends_cleanly_when_asked(
    launch: Launch, ask: Callable[[Launcher], None]
) -> None:
    shows = f'echo "has $PORT $SECRET_KEY $REDIS_URL; serves $WEB_CONCURRENCY."; {STAYS}'
    commands = {"release": "echo released", "web": WEB, "one": shows, "other": shows}
    launcher = launch(commands, WEB_CONCURRENCY="")
    launcher.until(f"Open http://localhost:{launcher.port}/cryptos/")
    launcher.until("one    | stays pid=", "other  | stays pid=")
    (port, secret, url), other = re.findall(r"has (\S+) (\S+) (\S+);", launcher.output)
    assert other == (port, secret, url)
    assert "serves 1." in launcher.output, "gunicorn itself takes an empty one for no number"
    assert port == str(launcher.port)
    assert len(secret) >= 32
    with redis.Redis.from_url(url) as client:
        assert client.ping()
    ask(launcher)
    assert launcher.ended() == 0
    assert launcher.output.index("released") < launcher.output.index("stays pid")
    assert "Traceback" not in launcher.output


def test_one_that_ends_ends_all_with_its_name_and_status(launch: Launch) -> None:
    ends = 'until test -e started; do sleep 0.05; done; echo "has $REDIS_URL"; kill -9 $$'
    lines = {"web": f"touch started; {STAYS}", "worker": ends}
    launcher = launch(lines, REDIS_URL="redis://elsewhere/3")
    assert launcher.ended() == 128 + signal.SIGKILL
    assert "worker stopped (rc=-9)" in launcher.output
    assert "has redis://elsewhere/3" in launcher.output


@pytest.mark.faults
def test_nothing_starts_after_a_release_that_failed_or_was_ended(launch: Launch) -> None:
    launcher = launch({"release": "exit 3", "web": "echo web started"})
    assert launcher.ended() == 3
    assert "web started" not in launcher.output
    launcher = launch({"release": STAYS, "web": "echo web started"})
    launcher.until("stays pid=")
    to_group(launcher)
    assert launcher.ended() == 0
    assert "web started" not in launcher.output


def test_asked_three_times_it_kills_what_does_not_end(launch: Launch) -> None:
    launcher = launch({"worker": STUBBORN})
    launcher.until("stubborn pid=")
    for times in (1, 2):
        to_group(launcher)
        launcher.until(f"refuses {times}")
    to_group(launcher)
    assert launcher.ended() == 0
    assert "refuses 3" not in launcher.output, "the launcher waited for its own time to kill"


def test_killed_itself_it_leaves_nothing_either(launch: Launch) -> None:
    launcher = launch({"web": WEB, "worker": STAYS})
    launcher.until("Open http://", "stays pid=")
    launcher.process.kill()
    assert launcher.ended() == -signal.SIGKILL


def test_a_test_that_ends_before_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with Launcher(tmp_path, {"worker": STAYS}) as launcher:
        launcher.until("stays pid=")
    assert launcher.ended() == 0


def test_ends_when_nobody_reads_its_output(launch: Launch) -> None:
    talks = f"{STAYS} & while echo again; do sleep 0.05; done"
    launcher = launch({"worker": talks}, read_by="grep -m 1 stays")
    assert launcher.ended() == 0
    assert "stays pid=" in launcher.output


def test_a_bad_setting_gives_one_line_and_status_1(launch: Launch) -> None:
    launcher = launch({"web": STAYS}, TRACKER_INTERVAL="often")
    assert launcher.ended() == 1
    assert launcher.output.count("\n") == 1
    assert launcher.output.startswith('TRACKER_INTERVAL="often"')


def test_a_second_one_on_the_same_sqlite_file_gives_one_line(
    launch: Launch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'instance' / 'tracker.db'}"
    with sole_user_of(url):
        launcher = launch({"web": STAYS}, DATABASE_URL=url, REDIS_URL="")
        assert launcher.ended() == 1
    assert launcher.output.startswith(f"another `make run` uses {tmp_path}/instance/tracker.db")
    assert launcher.output.count("\n") == 1


def test_a_folder_of_the_database_that_cannot_be_written_to_gives_one_line() -> None:
    with (
        pytest.raises(ConfigError, match=r"^DATABASE_URL: /dev/null/x cannot be written to"),
        sole_user_of("sqlite:////dev/null/x/tracker.db"),
    ):
        pass


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_a_busy_port_gives_one_line_with_another(host: str, family: socket.AddressFamily) -> None:
    port = free_port()
    with (
        socket.create_server((host, port), family=family),
        pytest.raises(
            ConfigError, match=rf"PORT={port} is in use by another .* PORT=\d+ make run$"
        ),
    ):
        check_port(port)
