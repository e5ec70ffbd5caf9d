"""The faults, one by one: each breaks something, holds it broken for a while, and mends it.

What is expected of all of them is the same: nothing lost, nothing twice, nothing
invented, and live again by itself. What a user sees meanwhile stands with each.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

from tests.faults.product import Product
from tests.faults.readers import Readers
from tests.support import wait_for

STILL = "prices stand still; “Stale” after three intervals"
AGAIN = "“Reconnecting” for some seconds, then all that was missed"
NOTHING = "nothing"
FROM_DATABASE = "ticks come later, from the database; the reason is told"


class Fault(NamedTuple):
    """One way to break the product."""

    name: str
    act: Callable[[Product], None]
    sees: str
    """What a user sees."""
    within: float = 10.0
    """Seconds from the mending until every reader has a tick that was committed after it."""


# Processes


def kill_and_revive(name: str) -> Callable[[Product], None]:
    """Kill a process and start it again, as its supervisor would."""

    def act(product: Product) -> None:
        product.kill(name)
        product.revive(name)

    return act


def kill_web_process(product: Product) -> None:
    """Kill the process that serves; gunicorn's master starts another."""
    (pid,) = product.web_workers()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: product.web_workers() not in ([], [pid]), 10, "another web process")


def kill_work_horse(product: Product) -> None:
    """Kill the process in which RQ runs a job, as soon as there is one."""
    (horse, *_) = wait_for(lambda: product.pids("worker")[1:], 10, "a job")
    with suppress(ProcessLookupError):
        os.kill(horse, signal.SIGKILL)


def freeze(name: str, seconds: float) -> Callable[[Product], None]:
    """Stop a process, and let it go on later."""

    def act(product: Product) -> None:
        product.signal(name, signal.SIGSTOP)
        time.sleep(seconds)
        product.signal(name, signal.SIGCONT)

    return act


# Redis


def restart_redis(product: Product) -> None:
    """Kill Redis, and start one that knows nothing: no schedule, no queue."""
    product.redis.kill()
    product.redis.start()


def freeze_redis(product: Product) -> None:
    """Stop Redis for some seconds."""
    assert product.redis.pid
    os.kill(product.redis.pid, signal.SIGSTOP)
    time.sleep(4)
    os.kill(product.redis.pid, signal.SIGCONT)


def cut_redis(product: Product) -> None:
    """Cut Redis off."""
    product.to_redis.cut()
    time.sleep(5)
    product.to_redis.mend()


def swallow_redis(product: Product) -> None:
    """Leave all connections to Redis open and let nothing pass."""
    product.to_redis.swallow()
    time.sleep(8)
    product.to_redis.mend()


def slow_redis(product: Product) -> None:
    """Let each packet to and from Redis take a third of a second."""
    product.to_redis.slow(0.3)
    time.sleep(6)
    product.to_redis.mend()


def fill_redis(product: Product) -> None:
    """Let Redis have no memory left for anything new."""
    with product.redis_client() as client:
        client.config_set("maxmemory", "1")
        time.sleep(5)
        client.config_set("maxmemory", "0")


def kill_clients(product: Product) -> None:
    """Let Redis hang up on every client."""
    with product.redis_client() as client:
        for kind in ("normal", "pubsub"):
            client.client_kill_filter(_type=kind, skipme=True)


# The database


def lock_database(product: Product) -> None:
    """Hold the write lock for ten seconds."""
    with product.lock_database():
        time.sleep(10)


def sabotage(pragma: str) -> Callable[[Product], None]:
    """Let SQLite refuse to write, for five seconds."""

    def act(product: Product) -> None:
        product.sabotage.write_text(pragma)
        time.sleep(5)
        product.sabotage.write_text("PRAGMA query_only = 0\nPRAGMA max_page_count = 1073741823")

    return act


# The source


def source_answers(*answers: tuple[int, object, str]) -> Callable[[Product], None]:
    """Give each of *answers* (status, body, manner) once."""

    def act(product: Product) -> None:
        for status, body, manner in answers:
            product.gecko.answer(status, body, times=1, manner=manner)  # type: ignore[arg-type]
            wait_for(lambda: product.gecko.script is None, 30, f"the source to be asked: {manner}")

    return act


def hang_source(product: Product) -> None:
    """Let the source take the question and say nothing."""
    product.gecko.answer(manner="hang")
    time.sleep(3)
    product.gecko.recover()


def cut_source(product: Product) -> None:
    """Refuse all connections to the source."""
    product.to_source.cut()
    time.sleep(4)
    product.to_source.mend()


# Readers


def use_up_descriptors(product: Product) -> None:
    """Let the web open no file and no socket more, while readers come."""
    (pid,) = product.web_workers()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    with Readers(product.port, 50, seed=7):
        time.sleep(4)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def crowd(product: Product) -> None:
    """Let 2,000 readers arrive at once."""
    with Readers(product.port, 2000, seed=8) as readers:
        newest = product.committed()[-1]
        wait_for(lambda: readers.have(newest), 60, "2,000 readers to have a tick")


def connect(product: Product, stack: ExitStack, said: bytes, *, buffer: int = 0) -> socket.socket:
    """Give a connection on which *said* was sent."""
    sock = stack.enter_context(socket.socket())
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(5)
    sock.connect(("127.0.0.1", product.port))
    with suppress(OSError):
        sock.sendall(said)
    return sock


def slowloris(product: Product) -> None:
    """Send a byte of a head now and then, on 300 connections."""
    with ExitStack() as stack:
        socks = [connect(product, stack, b"GET /stream HTTP/1.1\r\nX") for _ in range(300)]
        for _ in range(5):
            time.sleep(1)
            for sock in socks:
                with suppress(OSError):
                    sock.send(b"-")


def say(*sent: bytes, count: int = 20) -> Callable[[Product], None]:
    """Send each of *sent* on *count* connections, and leave them open for a while."""

    def act(product: Product) -> None:
        with ExitStack() as stack:
            for said in sent:
                for _ in range(count):
                    connect(product, stack, said)
            time.sleep(2)

    return act


def never_read(product: Product) -> None:
    """Ask for the stream, and never read a byte of it."""
    with ExitStack() as stack:
        for _ in range(20):
            connect(product, stack, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", buffer=1024)
        time.sleep(5)


GARBAGE = (
    b"\0" * 1000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 500,  # TLS to a plain port
    b"GET\r\n\r\n",
    b"GET /stream HTTP/9.9\r\n\r\n",
    b"GET /stream HTTP/1.1\r\nHost: a\r\nLast-Event-ID: \xff\0\r\n\r\n",
    b"G" * 100_000,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
HALF = (b"GET /stre", b"GET /stream HTTP/1.1\r\n", b"GET /stream HTTP/1.1\r\nHost: a\r\nAcc")
BIG = (
    b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n" + b"x" * 10_485_760,
    b"GET /stream HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_485_760 + b"\r\n\r\n",
)

FAULTS = (
    Fault("web: kill -9, all of it", kill_and_revive("web"), AGAIN, 15),
    Fault("web: kill -9 of a process that serves", kill_web_process, AGAIN, 15),
    Fault("worker: kill -9", kill_and_revive("worker"), STILL),
    Fault("worker: kill -9 in the middle of a job", kill_work_horse, STILL, 15),
    Fault("scheduler: kill -9", kill_and_revive("scheduler"), STILL),
    Fault("web: STOP, CONT after 4 s", freeze("web", 4), "nothing moves, then all at once"),
    Fault("worker: STOP, CONT after 4 s", freeze("worker", 4), STILL),
    Fault("scheduler: STOP, CONT after 4 s", freeze("scheduler", 4), STILL),
    Fault("Redis: restarted empty", restart_redis, FROM_DATABASE),
    Fault("Redis: STOP, CONT after 4 s", freeze_redis, STILL),
    Fault("Redis: cut off for 5 s", cut_redis, STILL, 15),
    Fault("Redis: half-open for 8 s, packets vanish", swallow_redis, STILL, 20),
    Fault("Redis: 0.3 s for each packet", slow_redis, "ticks come later"),
    Fault("Redis: out of memory for 5 s", fill_redis, STILL),
    Fault("Redis: CLIENT KILL of all", kill_clients, FROM_DATABASE),
    Fault("database: locked for 10 s", lock_database, STILL, 15),
    Fault("database: disk full for 5 s", sabotage("PRAGMA max_page_count = 1"), STILL, 15),
    Fault("database: read-only for 5 s", sabotage("PRAGMA query_only = 1"), STILL, 15),
    Fault(
        "source: 500, 403, an error with 200",
        source_answers(
            (500, {"error": "x"}, "whole"),
            (403, "no", "whole"),
            (200, {"status": {"error_code": 429, "error_message": "slow down"}}, "whole"),
        ),
        STILL,
        20,
    ),
    Fault(
        "source: half an answer, a reset, no HTTP",
        source_answers((200, "[{]", "truncated"), (200, "", "reset"), (200, "hello", "raw")),
        STILL,
        20,
    ),
    Fault("source: takes the question and hangs", hang_source, STILL, 25),
    Fault("source: cut off for 4 s", cut_source, STILL, 15),
    Fault("web: no descriptors left, 50 readers come", use_up_descriptors, NOTHING),
    Fault("2,000 readers at once", crowd, NOTHING, 15),
    Fault("300 slow heads (slowloris)", slowloris, NOTHING),
    Fault("20 readers that never read", never_read, NOTHING),
    Fault("garbage instead of a request", say(*GARBAGE), NOTHING),
    Fault("half a request", say(*HALF), NOTHING),
    Fault("a request of 10 MB", say(*BIG, count=2), NOTHING),
)
