"""`make run`: the whole Procfile on one machine, started and ended together.

    python -m dev.run [Procfile]

Checks the settings and the port, starts a Redis unless `REDIS_URL` names one, runs the
Procfile's `release` line and then all others. Ctrl-C ends all of it with status 0; if one of
them ends by itself, all end, with that one's status.
"""

import signal

if __name__ == "__main__":  # nothing to end yet: a Ctrl-C during the imports needs no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import fcntl
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from honcho.environ import parse_procfile

from dev.embedded_redis import EmbeddedRedis
from dev.manager import Manager, signal_at_parents_death
from tracker import config
from tracker.config import Settings, sqlite_path
from tracker.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
PAGE = "/cryptos/"
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
POLL_S = 0.1  # between two attempts to reach the web


def main(arguments: list[str]) -> int:
    """Run the Procfile that *arguments* name, or the project's; return the exit status."""
    procfile = Path(arguments[0]) if arguments else ROOT / "Procfile"
    if sys.platform == "linux":  # the death of its parent is signalled to a fork only
        multiprocessing.set_start_method("fork")
    try:
        settings = config.load()
        check_port(settings.port)
        return launch(procfile.resolve(), settings)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def check_port(port: int) -> None:
    """Raise `ConfigError`, with what to do, if the web could not listen on *port*."""
    try:
        # macOS allows to bind beside a listener on the loopback alone, so connect as well.
        if not any(_answers(family, host, port) for family, host in LOOPBACKS):
            socket.create_server(("", port)).close()
            return
        problem = "is in use by another process"
    except OSError as error:
        problem = f"cannot be used ({os.strerror(error.errno or 0).lower()})"
    other = port + 1 if 1024 <= port < 65535 else 8000
    raise ConfigError(f"PORT={port} {problem}; end it, or take another: PORT={other} make run")


def _answers(family: socket.AddressFamily, host: str, port: int) -> bool:
    with suppress(OSError), socket.socket(family) as caller:  # there may be no IPv6
        return caller.connect_ex((host, port)) == 0
    return False


def launch(procfile: Path, settings: Settings) -> int:
    """Run *procfile* until it ends, then end what it needed; return the exit status."""
    commands = parse_procfile(procfile.read_text()).processes
    release = {"release": commands.pop("release")} if "release" in commands else {}
    with ExitStack() as stack:
        redis_url = settings.redis_url
        if not redis_url:
            stack.enter_context(sole_user_of(settings.database_url))
            redis = EmbeddedRedis(private=True, in_child=signal_at_parents_death)
            redis_url = stack.enter_context(redis).url
        env = environment(settings, redis_url)
        first = Manager()
        status = first.run(release, env, procfile.parent)
        # The second takes the signals before the first is looked at: none is lost.
        manager = Manager(partial(announce, settings.port) if "web" in commands else None)
        if status or first.times_asked:
            return status
        return manager.run(commands, env, procfile.parent)


@contextmanager
def sole_user_of(database_url: str) -> Iterator[None]:
    """Hold a SQLite file for this launcher alone, as long as each has a Redis of its own.

    Two would tell their readers half of the ticks late. Raises `ConfigError`. No child inherits
    the lock, so that it ends with this process.
    """
    if (path := sqlite_path(database_url)) is None:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.with_name(f"{path.name}.lock").open("w")
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise ConfigError(f"DATABASE_URL: {path.parent} cannot be written to: {reason}") from None
    with opened as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"another `make run` uses {path}; end it, or take another database:"
                f" DATABASE_URL=sqlite:///{path.with_name('other.db')} make run"
            ) from None
        yield


def environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """Return the children's environment: ours, and what all of them must share."""
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
        "REDIS_URL": redis_url,
        "SECRET_KEY": settings.secret_key or "",
        "WEB_CONCURRENCY": str(settings.web_concurrency),  # gunicorn takes an empty one amiss
    }


def announce(port: int, manager: Manager) -> None:
    """Print where the page is, as soon as the web answers anything at all."""
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as caller:
            caller.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            if caller.makefile("rb").read():  # to its end: a server may log what nobody reads
                break
        time.sleep(POLL_S)
    manager.say(f"Open http://localhost:{port}{PAGE}    (Ctrl-C ends everything)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
