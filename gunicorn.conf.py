"""How the web is served: gevent patched first, our worker, drained on TERM.

The trap: gevent must patch the standard library before anything imports ssl,
so this file patches at its top, and nothing may be imported above that.
gunicorn reads `PORT` and `WEB_CONCURRENCY` by itself; both are checked here.
"""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

from gunicorn import sock  # noqa: E402
from gunicorn.arbiter import Arbiter  # noqa: E402
from gunicorn.glogging import Logger  # noqa: E402

for name in [name for name in sys.modules if name.partition(".")[0] == "tracker"]:
    del sys.modules[name]  # on HUP this file is read again: for the code that is there now

from tracker.config import load  # noqa: E402
from tracker.errors import ConfigError  # noqa: E402
from tracker.logs import setup  # noqa: E402
from tracker.monitoring import multiproc_dir  # noqa: E402
from tracker.server.gunicorn_worker import Worker  # noqa: E402

try:
    settings = load()
    settings.known_redis_url  # noqa: B018 - without redis-py, which the master does not need
except ConfigError as error:
    sys.exit(str(error))

setup.configure(settings)
os.environ["SECRET_KEY"] = settings.secret_key or ""  # one for all web processes

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a reader costs a descriptor

multiproc_dir.prepare()  # before prometheus_client is imported


class OneLineLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger, with lines as ours."""

    def _set_handler(self, log: logging.Logger, output: Any, fmt: Any, stream: Any = None) -> None:
        super()._set_handler(log, output, setup.Formatter(settings), stream)


class OnlyIPv6Socket(sock.TCP6Socket):  # type: ignore[misc]
    """gunicorn's socket for IPv6, which leaves IPv4 to the other: addresses stay what they are."""

    def set_options(self, sock: socket.socket, bound: bool = False) -> Any:
        """Set what has to be set before it is bound."""
        if not bound:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return super().set_options(sock, bound)


def has_ipv6() -> bool:
    """Return whether this machine has IPv6: a kernel or a container may be without."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::", 0))
    except OSError:
        return False
    return True


bind = [f"0.0.0.0:{settings.port}"]
if has_ipv6():
    sock.TCP6Socket = OnlyIPv6Socket
    bind.append(f"[::]:{settings.port}")
workers = settings.web_concurrency
worker_class = "tracker.server.gunicorn_worker.Worker"
worker_connections = 500
"""Requests answered at one time; readers handed over to the hub do not count."""
backlog = 4096
loglevel = settings.log_level.lower()
logger_class = OneLineLogger
control_socket_disable = True
graceful_timeout = 25
DRAIN = 10
"""Seconds over which readers are let go when a worker ends."""


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Let a web process share what its master has: no collection touches it on either side."""
    gc.freeze()


def post_worker_init(worker: Worker) -> None:
    """Begin to relay before the first reader, and drain after the last request."""
    gc.freeze()  # what the start made stays: no collection looks at it again
    services = worker.wsgi.extensions["tracker"]
    services.start()
    worker.drain = lambda: services.hub.drain(DRAIN)


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Let what happened in the last second count."""
    if (application := getattr(worker, "wsgi", None)) is not None:
        application.extensions["tracker"].sampler.close()


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Forget what was true of a process while it lived; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)
    multiproc_dir.fold(worker.pid)


def on_exit(server: Arbiter) -> None:
    """Leave nothing behind."""
    multiproc_dir.remove()
