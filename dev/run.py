"""`make run`: the whole Procfile on one machine, started and ended together.

    python -m dev.run [Procfile]

Checks the settings and the port, starts a Redis unless `REDIS_URL` names one,
runs the Procfile's `release` line and then all others. Ctrl-C ends all of it
with status 0; if one of them ends by itself, all end, with that one's status.

The trap: a signal may come between a child's start and the note of its id. So
everything happens in one loop over one queue, signals and output alike.

Knows no command of the product, only its settings and its page's address.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # nothing to end yet: a Ctrl-C during the imports needs no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import http.client
import os
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from honcho.environ import parse_procfile

from dev.crew import Crew
from dev.embedded_redis import EmbeddedRedis
from dev.keeper import Keeper
from tracker import config
from tracker.config import Settings
from tracker.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
PAGE = "/cryptos/"
POLL = 0.1
"""Seconds between two looks whether the web answers."""


def main(arguments: list[str]) -> int:
    """Run the Procfile that *arguments* name, or the project's; return the exit status."""
    procfile = Path(arguments[0]) if arguments else ROOT / "Procfile"
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
        # macOS lets one bind beside a listener on the loopback alone: so call it, too.
        with socket.socket() as caller:
            taken = caller.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            socket.create_server(("", port)).close()
            return
        reason = "in use"
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
    other = port + 1 if 1024 <= port < 65535 else 8000
    raise ConfigError(
        f"PORT={port} cannot be had ({reason}); end what uses it, or: PORT={other} make run"
    )


def launch(procfile: Path, settings: Settings) -> int:
    """Run *procfile* until it ends, then end what it needed; return the exit status."""
    commands = parse_procfile(procfile.read_text())
    release = commands.processes.pop("release", None)
    with ExitStack() as stack:
        keeper = stack.enter_context(Keeper())
        crew = Crew(procfile.parent, keeper)
        end_on_signals(crew)
        env = environment(settings, settings.redis_url or _embedded(stack, keeper))
        status = crew.run({"release": release}, env) if release else 0
        if status or crew.asked:
            return status
        if "web" in commands.processes:
            announce(crew, settings.port)
        return crew.run(commands.processes, env)


def environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """Return the children's environment: ours, and what all of them must share."""
    env = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
        "REDIS_URL": redis_url,
        "SECRET_KEY": settings.secret_key or "",
    }
    if sys.platform == "darwin":  # else requests in RQ's forked job crashes there
        env["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
    return env


def end_on_signals(crew: Crew) -> None:
    """Let Ctrl-C, TERM and a closed terminal (unless under nohup) end *crew*."""
    signal.signal(signal.SIGINT, crew.ask_to_end)
    signal.signal(signal.SIGTERM, crew.ask_to_end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, crew.ask_to_end)


def announce(crew: Crew, port: int) -> None:
    """Tell the user where the page is, as soon as the web answers anything at all."""

    def wait() -> None:
        while not _answers(port):
            if crew.over.wait(POLL):
                return
        crew.tell(f"\n  Open http://localhost:{port}{PAGE}    (Ctrl-C ends everything)\n")

    threading.Thread(target=wait, daemon=True).start()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _embedded(stack: ExitStack, keeper: Keeper) -> str:
    redis = stack.enter_context(EmbeddedRedis())
    keeper.group(redis.pid)
    keeper.tree(redis.directory)
    return redis.url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
