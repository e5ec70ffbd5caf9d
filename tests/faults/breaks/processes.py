"""Processes that die, that stand still, and whose clock is set."""

import signal
import time

from tests.faults.harness.fault import AGAIN, NOTHING, STILL, Act, Fault
from tests.faults.harness.held import command
from tests.faults.harness.product import Product, send
from tests.support.tools import wait_for

START_S = 30
"""For a process to start and be served by all again, on a busy machine."""
PAUSE_S = 4
"""For which a process stands still: longer than prices take to be stale."""
HOUR_S = 3600
AT_ONCE = "nothing moves, then all at once"
AHEAD = "prices go on at once; ticks with times that were not are withdrawn"


def kill_and_revive(name: str) -> Act:
    """Kill a process and its children, and start it again, as its supervisor would."""

    def act(product: Product) -> None:
        send(signal.SIGKILL, *product.pids(name))
        product.revive(name)

    return act


def kill_the_master(product: Product) -> None:
    """Kill gunicorn's master alone, and start it again: who serves ends by itself, and late."""
    orphan = product.server()
    send(signal.SIGKILL, product.pid("web"))
    product.revive("web")
    wait_for(lambda: not command(orphan), 30, "the end of who served")


def kill_a_server(product: Product) -> None:
    """Kill the process that serves; gunicorn's master starts another."""
    pid = product.server()
    send(signal.SIGKILL, pid)
    wait_for(lambda: product.web_workers() not in ([], [pid]), 10, "another web process")


def kill_in_a_job(product: Product) -> None:
    """Kill the worker while it waits for the source's answer."""
    asked = len(product.gecko.requests)
    product.gecko.answer(times=1, manner="hang")
    wait_for(lambda: len(product.gecko.requests) > asked, 30, "a job")
    kill_and_revive("worker")(product)


def kill_the_launcher(product: Product) -> None:
    """Kill `make run` alone: what it has started must end, and leave its port to the next."""
    left = product.pids("launcher")[1:]
    send(signal.SIGKILL, product.pid("launcher"))
    wait_for(lambda: not any(map(command, left)), 20, "the end of all that was launched")
    product.revive("launcher")


def freeze(*names: str, alone: bool = False) -> Act:
    """Stop processes, their children too unless *alone*, and let them go on later."""

    def act(product: Product) -> None:
        frozen = [pid for name in names for pid in product.pids(name)[: 1 if alone else None]]
        try:
            send(signal.SIGSTOP, *frozen)
            time.sleep(PAUSE_S)
        finally:
            send(signal.SIGCONT, *frozen)

    return act


FAULTS = (
    Fault("web: kill -9, all of it", kill_and_revive("web"), AGAIN, START_S),
    Fault("web: kill -9 of a process that serves", kill_a_server, AGAIN, START_S),
    Fault("web: kill -9 of gunicorn's master alone", kill_the_master, AGAIN, START_S),
    Fault("worker: kill -9", kill_and_revive("worker"), STILL, START_S),
    Fault("worker: kill -9 in the middle of a job", kill_in_a_job, STILL, START_S),
    Fault("scheduler: kill -9", kill_and_revive("scheduler"), STILL, START_S),
    Fault("web: STOP, CONT after 4 s", freeze("web"), AT_ONCE),
    Fault("worker: STOP, CONT after 4 s", freeze("worker"), STILL),
    Fault("scheduler: STOP, CONT after 4 s", freeze("scheduler"), STILL),
    Fault("all: STOP, CONT after 4 s", freeze("web", "worker", "scheduler", "redis"), AT_ONCE),
)


def set_right(product: Product) -> None:
    """Set back the clock that was ahead: what was stored meanwhile is set aside."""
    newest = product.committed()[-1]
    product.step_clock(-HOUR_S)
    wait_for(lambda: product.committed()[-1] < newest or product.was_set_aside(), 30, "true times")


OF_THE_CLOCK = (
    Fault("clock: an hour forward", lambda p: p.step_clock(HOUR_S), "“Stale” until the next tick"),
    Fault("clock: an hour back", set_right, AHEAD),
)

OF_THE_LAUNCHER = (
    Fault("launcher: kill -9 of make run, and make run again", kill_the_launcher, AGAIN, START_S),
    Fault("launcher: STOP, CONT after 4 s", freeze("launcher", alone=True), NOTHING),
)
