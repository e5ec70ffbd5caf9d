"""Processes that die, and processes that stand still."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from tests.faults.harness.fault import AGAIN, NOTHING, STILL, Fault
from tests.faults.harness.held import command
from tests.faults.harness.product import Product
from tests.support.tools import wait_for

START = 30
"""Seconds for a process to start and be served by all again, on a busy machine."""
PAUSE = 4
"""Seconds for which a process stands still: longer than prices take to be stale."""


def kill_and_revive(name: str) -> Callable[[Product], None]:
    """Kill a process and its children, and start it again, as its supervisor would."""

    def act(product: Product) -> None:
        product.kill(name)
        product.revive(name)

    return act


def kill_a_server(product: Product) -> None:
    """Kill the process that serves; gunicorn's master starts another."""
    pid = product.server()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: product.web_workers() not in ([], [pid]), 10, "another web process")


def kill_the_master(product: Product) -> None:
    """Kill gunicorn's master alone, and start it again: who serves ends by itself, and late."""
    orphan = product.server()
    os.kill(product.pid("web"), signal.SIGKILL)
    product.bury("web")
    product.revive("web")
    wait_for(lambda: not command(orphan), 30, "the end of who served")


def kill_a_work_horse(product: Product) -> None:
    """Kill the process in which RQ runs a job, as soon as there is one."""
    (horse, *_) = wait_for(lambda: product.pids("worker")[1:], 30, "a job")
    with suppress(ProcessLookupError):
        os.kill(horse, signal.SIGKILL)


def freeze(*names: str) -> Callable[[Product], None]:
    """Stop processes and their children, and let them go on later."""

    def act(product: Product) -> None:
        frozen = [pid for name in names for pid in product.pids(name)]
        try:
            _signal(frozen, signal.SIGSTOP)
            time.sleep(PAUSE)
        finally:
            _signal(frozen, signal.SIGCONT)

    return act


def kill_the_launcher(product: Product) -> None:
    """Kill `make run` alone: what it has started must end, and leave its port to the next."""
    left = product.pids("launcher")[1:]
    os.kill(product.pid("launcher"), signal.SIGKILL)
    product.bury("launcher")
    wait_for(lambda: not any(map(command, left)), 20, "the end of all that was launched")
    product.revive("launcher")


def freeze_the_launcher(product: Product) -> None:
    """Stop `make run` alone, and let it go on later."""
    pid = [product.pid("launcher")]
    _signal(pid, signal.SIGSTOP)
    time.sleep(PAUSE)
    _signal(pid, signal.SIGCONT)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


FAULTS = (
    Fault("web: kill -9, all of it", kill_and_revive("web"), AGAIN, START),
    Fault("web: kill -9 of a process that serves", kill_a_server, AGAIN, START),
    Fault("web: kill -9 of gunicorn's master alone", kill_the_master, AGAIN, START),
    Fault("worker: kill -9", kill_and_revive("worker"), STILL, START),
    Fault("worker: kill -9 in the middle of a job", kill_a_work_horse, STILL, 15),
    Fault("scheduler: kill -9", kill_and_revive("scheduler"), STILL, START),
    Fault("web: STOP, CONT after 4 s", freeze("web"), "nothing moves, then all at once"),
    Fault("worker: STOP, CONT after 4 s", freeze("worker"), STILL),
    Fault("scheduler: STOP, CONT after 4 s", freeze("scheduler"), STILL),
    Fault(
        "all: STOP, CONT after 4 s",
        freeze("web", "worker", "scheduler", "redis"),
        "nothing moves, then all at once",
    ),
)

OF_THE_LAUNCHER = (
    Fault("launcher: kill -9 of make run, and make run again", kill_the_launcher, AGAIN, START),
    Fault("launcher: STOP, CONT after 4 s", freeze_the_launcher, NOTHING),
)
