"""How fast a year's history is read, how large it is, and how long pruning holds the lock.

`python -m bench.history` makes a year at 60 s with the default retention, in
SQLite and, where it is installed, in PostgreSQL. It takes about a minute.
"""

import gc
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import flask_migrate
from flask import Flask
from sqlalchemy import Connection, insert, text

from bench.lock import watched_lock
from bench.machine import description
from tests.support.postgres import EmbeddedPostgres, programs
from tracker import create_app
from tracker.config import Settings
from tracker.market.candles import from_points, hour_of
from tracker.market.quotes import Market
from tracker.services import db
from tracker.storage.engine import reading, writing
from tracker.storage.history import RANGES, History
from tracker.storage.models import CandleRow, CoinRow, QuoteRow, TickRow
from tracker.times import DAY_MS, HOUR_MS

MINUTE = 60_000
NOW = 1_795_413_240_000
COINS = 10
MANY_COINS = 250
ROUNDS = 100
"""Histories read of each range."""


def main() -> None:
    """Measure each database, and print."""
    print(description()[0])
    print(f"{'':12}{'range':>8}{'points':>8}{'p50 ms':>8}{'p95 ms':>8}")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/year.db", f"sqlite:///{folder}/many.db")
    bin = programs()
    if bin is None:
        print("PostgreSQL is not installed")
        return
    with EmbeddedPostgres(bin) as server:
        urls = (server.url(server.create()) for _ in range(2))
        measure("PostgreSQL", *(url.replace("postgresql", "postgresql+psycopg", 1) for url in urls))


def measure(name: str, url: str, other_url: str) -> None:
    """Measure a year of ten coins in the database at *url*, and pruning of 250 in the other."""
    settings = Settings(database_url=url, source="simulated")
    with application(url):
        market = History(db.engine, Market("simulated", "usd"))
        write(COINS, since=NOW - settings.retention_days * DAY_MS, candles_since=NOW - 365 * DAY_MS)
        assert market.needs_filling(NOW + 2 * HOUR_MS)
        for one in RANGES:
            print(f"{name:12}{one:>8}{read(market, one)}")
        print(f"{name:12} {size() / 1e6:.0f} MB: a year of {COINS} coins at 60 s")
        print(f"{name:12} {hold(url, market, NOW - 5 * DAY_MS)}")
    with application(other_url):
        market = History(db.engine, Market("simulated", "usd"))
        write(MANY_COINS, since=NOW - 2 * HOUR_MS, candles_since=NOW)
        print(f"{name:12} {hold(other_url, market, NOW - MINUTE)}")


@contextmanager
def application(url: str) -> Iterator[Flask]:
    """Give an application with an empty, migrated database."""
    app = create_app(Settings(database_url=url, source="simulated"))
    with app.app_context():
        flask_migrate.upgrade()
        yield app
        db.engine.dispose()


def write(coins: int, *, since: int, candles_since: int) -> None:
    """Store ticks and candles up to `NOW`, as they would have come."""
    names = [f"coin-{number}" for number in range(coins)]
    price = {name: 10 ** random.uniform(-4, 5) for name in names}

    def quote(at: int, position: int, name: str) -> dict[str, object]:
        price[name] *= random.gauss(1, 0.001)
        now = Decimal(f"{price[name]:.6g}")
        return {
            "tick_id": at, "position": position, "coin_id": name, "rank": position,
            "price": now, "direction": "up", "change_1h": Decimal("0.12345"),
            "change_24h": Decimal("-1.23456"), "change_7d": Decimal("2.34567"),
            "market_cap": Decimal(10**12), "volume_24h": Decimal(10**10),
            "high_24h": now, "low_24h": now, "updated_at": at,
        }  # fmt: skip

    with writing(db.engine) as connection:
        connection.execute(
            insert(CoinRow), [{"id": name, "symbol": name, "name": name} for name in names]
        )
        for begin in range(since, NOW, HOUR_MS):
            ids = range(begin, min(begin + HOUR_MS, NOW + 1), MINUTE)
            connection.execute(
                insert(TickRow),
                [{"id": at, "source": "simulated", "currency": "usd"} for at in ids],
            )
            connection.execute(
                insert(QuoteRow),
                [quote(at, position, name) for at in ids for position, name in enumerate(names)],
            )
        for begin in range(hour_of(candles_since), since, DAY_MS):
            write_candles(connection, names, range(begin, min(begin + DAY_MS, since), HOUR_MS))
    History(db.engine, Market("simulated", "usd")).roll_up(NOW)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":  # as autovacuum does
            connection.execute(text("VACUUM ANALYZE"))
    gc.collect()  # what writing left is not to be collected while reading is measured


def write_candles(connection: Connection, names: list[str], hours: range) -> None:
    """Store candles, each of an hour that went its own way."""
    candles = {}
    for name in names:
        for hour in hours:
            prices = [Decimal(f"{random.uniform(9e4, 1e5):.6g}") for _ in range(4)]
            (candles[name, hour],) = from_points((hour, price) for price in prices)
    rows = History(db.engine, Market("simulated", "usd"))._rows(candles.items())
    connection.execute(insert(CandleRow), rows)


def read(market: History, range_: str) -> str:
    """Return how many points a range has, and how long reading them takes."""
    took = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        found = market.points(f"coin-{number % COINS}", range_, NOW)
        took.append((time.perf_counter() - began) * 1000)
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    return f"{len(found.points):>8}{p50:>8.1f}{p95:>8.1f}"


def size() -> int:
    """Return how many bytes the database has."""
    with reading(db.engine) as connection:
        if connection.dialect.name == "postgresql":
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        pages = connection.scalar(text("PRAGMA page_count")) or 0
        return int(pages * (connection.scalar(text("PRAGMA page_size")) or 0))


def hold(url: str, market: History, before: int) -> str:
    """Prune, and return how long its transactions held the lock of the one writer."""
    began = time.perf_counter()
    with watched_lock(url) as held:
        ticks = market.prune(before)
        seconds = time.perf_counter() - began
    return (
        f"pruned {ticks} ticks in {seconds:.1f} s, {len(held)} transactions; "
        f"lock held {statistics.median(held):.1f} ms in the median, {max(held):.1f} ms at most"
    )


if __name__ == "__main__":
    main()
