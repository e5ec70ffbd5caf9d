"""Each crossing is told once, whichever process is killed when: a ledger, as for ticks.

What should be told follows from the committed ticks alone. `ALERT_KILLS=1000` for a longer run,
and for one on PostgreSQL, which is killed as well.
"""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import SettingsFactory, as_setting, migrate
from tests.support.fake_coingecko import CoinGecko
from tests.support.fake_receiver import Receiver
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.tools import Child, environment, now_ms, wait_for
from tracker import backend as backends
from tracker.backend import Backend
from tracker.config import Settings
from tracker.market.alerts import Kind, Rule
from tracker.storage.engine import reading
from tracker.storage.models import AlertEventRow, QuoteRow

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

KILLS = int(os.environ.get("ALERT_KILLS", "5"))
SEED = int(os.environ.get("FAULTS_SEED", "20261125"))
LIMIT = Decimal(90_500)
DATABASES = ["sqlite"] if KILLS <= 5 else ["sqlite", "postgresql"]
KINDS: tuple[Kind, Kind] = ("above", "below")


class Zigzag(CoinGecko):
    """A source whose price is above the limit and below it in turns."""

    def markets(self, query: dict[str, str]) -> str:
        """Return the body of `/coins/markets`."""
        self.set_price("bitcoin", str(LIMIT + (500 if len(self.requests) % 2 else -500)))
        return super().markets(query)


class Processes:
    """The worker, the scheduler, Redis and PostgreSQL, to be killed and started again."""

    def __init__(
        self,
        settings: Settings,
        redis: EmbeddedRedis,
        folder: Path,
        postgres: EmbeddedPostgres | None = None,
    ) -> None:
        self._env, self._redis, self._folder = environment(settings), redis, folder
        self._postgres = postgres
        self._children: dict[str, Child] = {}

    def __enter__(self) -> "Processes":
        for name in ("worker", "scheduler"):
            self._start(name)
        return self

    def __exit__(self, *error: object) -> None:
        for child in self._children.values():
            child.__exit__(*error)

    def kill(self, name: str) -> None:
        """Kill *name* and start it again."""
        if name == "redis":
            self._redis.kill()
            self._redis.start()
            return
        if name == "database":
            if self._postgres:
                self._postgres.restart()
            return
        child = self._children[name]
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        self._start(name)

    def _start(self, name: str) -> None:
        module = {"worker": "worker", "scheduler": "worker.scheduler"}[name]
        log = self._folder / f"{name}.log"
        self._children[name] = Child("-m", module, env=self._env, log=log)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def wait_for_a_tick(backend: Backend) -> None:
    """Wait until there is a tick more."""

    def newest() -> int:
        with suppress(OperationalError):  # the first after PostgreSQL was killed
            return backend.store.newest(1)[0].id
        return 0

    before = wait_for(newest)
    wait_for(lambda: newest() > before, 60, "another tick")


def crossings(backend: Backend, since: int) -> list[tuple[int, str]]:
    """Return what the ticks after *since*, and that one before them, should have told."""
    its = select(QuoteRow.tick_id, QuoteRow.price).where(
        QuoteRow.coin_id == "bitcoin", QuoteRow.tick_id >= since
    )
    with reading(backend.engine) as connection:
        prices = connection.execute(its.order_by(QuoteRow.tick_id)).all()
    return [
        (now.tick_id, "rose above" if now.price > LIMIT else "fell below")
        for before, now in pairwise(prices)
        if (before.price > LIMIT) != (now.price > LIMIT)
    ]


def told(backend: Backend) -> dict[int, tuple[int, str]]:
    """Return the events in the outbox, as `crossings` does, by their numbers."""
    its = select(AlertEventRow.id, AlertEventRow.at, AlertEventRow.text)
    with reading(backend.engine) as connection:
        rows = connection.execute(its.order_by(AlertEventRow.id)).all()
    return {row.id: (row.at, " ".join(row.text.split()[1:3])) for row in rows}


@contextmanager
def database(kind: str) -> Iterator[tuple[dict[str, str], EmbeddedPostgres | None]]:
    """Give the settings of a database of this *kind*, and the PostgreSQL that it is in."""
    bin = programs()
    if kind == "sqlite" or bin is None:
        yield {}, None
        return
    with EmbeddedPostgres(bin, survives=True) as postgres:
        url = as_setting(postgres.url(postgres.create()))
        migrate(url)
        yield {"database_url": url}, postgres


def numbers(message: str) -> Iterator[int]:
    """Yield the alerts' numbers in a *message*."""
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", message.rpartition(" no. ")[2]):
        yield from range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("kind_of_database", DATABASES)
def test_each_crossing_is_told_once(
    kind_of_database: str,
    settings: SettingsFactory,
    receiver: Receiver,
    own_redis: EmbeddedRedis,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(SEED)
    with ExitStack() as whole, ExitStack() as stack:
        url, postgres = whole.enter_context(database(kind_of_database))
        gecko = stack.enter_context(Zigzag())
        mine = settings(
            source="coingecko",
            coingecko_url=gecko.url,
            coingecko_interval=1,
            interval=1,
            exchanges=(),
            redis_url=own_redis.url,
            notify=f"hook=json://{receiver.address}/",
            **url,
        )
        backend = backends.build(mine)
        stack.callback(backend.close)
        processes = stack.enter_context(Processes(mine, own_redis, tmp_path, postgres))
        wait_for(lambda: backend.store.newest(1), 60, "the first tick")
        for kind in KINDS:
            rule = Rule(kind=kind, coin="bitcoin", currency="usd", limit=LIMIT)
            backend.alerts.add(rule, now_ms())
        first = backend.store.newest(1)[0].id
        for _ in range(KILLS):
            wait_for_a_tick(backend)
            time.sleep(chance.uniform(0, 1.2))  # anywhere between two ticks
            names = ["worker", "redis", "scheduler", "database"]
            processes.kill(chance.choices(names, [6, 3, 1, 3 if postgres else 0])[0])
        wait_for_a_tick(backend)
        stack.close()  # nobody stores any more
        check(backends.build(mine), first, receiver, Processes(mine, own_redis, tmp_path))
    got = Counter(id for one in receiver.received for id in numbers(str(one.body["message"])))
    twice = sum(got.values()) - len(got)
    assert twice <= 2 + KILLS / 20, "only what is killed between sending and storing that"
    record_property(
        "balance",
        f"{kind_of_database}, {KILLS} kills: {len(got)} crossings told, 0 lost, {twice} sent again",
    )


def check(backend: Backend, first: int, receiver: Receiver, processes: Processes) -> None:
    """Hold the three lists against each other; what still waits is sent by *processes*."""
    events = told(backend)
    assert list(events.values()) == crossings(backend, first)
    assert len(events) > KILLS / 2
    with processes:
        wait_for(lambda: not backend.outbox.waiting(), 60, "all to be sent")
    events = told(backend)
    backend.close()
    got = {id for one in receiver.received for id in numbers(str(one.body["message"]))}
    assert got == set(events)
