"""How large SQLite's file is after a week of quick ticks, and how long writers hold the lock.

`python -m bench.week` stores a week at 5 s with 10 coins, and maintains it as the worker does, but
once a simulated hour: what an hour brings is thinned at its end, so the file is rather larger
than the product's. A week at 1 s with 250 coins is calculated from ten minutes of it.

Then ten minutes at 1 s are rolled up and thinned at once, as after a long downtime, while
another process watches the lock. `--hours` and `--seconds` make the week and the minutes shorter.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from sqlalchemy import insert

from bench.goals import Goal
from bench.history import application, size
from bench.lock import watched_lock
from bench.machine import description
from tests.support.tools import quote, save
from tracker.config import Settings
from tracker.market.quotes import Market
from tracker.services import db
from tracker.storage.engine import writing
from tracker.storage.models import CoinRow, QuoteRow, TickRow
from tracker.storage.rollup import WHOLE_MS, RollUp
from tracker.storage.ticks import Store
from tracker.times import DAY_MS, HOUR_MS, MINUTE_MS

BEGIN = 1_795_413_600_000
MARKET = Market("simulated", "usd")
REPLAY = Settings().replay
SIZE_GOAL_MB = 60
LOCK_GOAL_MS = 50
SAVES = 100
PAUSE_S = 0.01
"""Between two saves, so that they are told apart."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.week", description=__doc__)
    parser.add_argument("--hours", type=int, default=7 * 24, help="at 5 s; default a week")
    parser.add_argument("--seconds", type=int, default=600, help="at 1 s; default 600")
    options = parser.parse_args()
    print(description()[0])
    with tempfile.TemporaryDirectory() as folder:
        found = [week(f"sqlite:///{folder}/week.db", options.hours)]
        for coins in (10, 250):
            found += locks(f"sqlite:///{folder}/{coins}.db", coins, options.seconds)
    print(*found, sep="\n")


def week(url: str, hours: int) -> Goal:
    """Return the goal of the file's size, after so many *hours* at 5 s with 10 coins."""
    with application(url):
        coins, rollup = Coins(10), RollUp(db.engine, MARKET)
        for begin in range(BEGIN, BEGIN + hours * HOUR_MS, HOUR_MS):
            end = begin + HOUR_MS
            coins.write(range(begin, end, 5000))
            rollup.roll_up(end)
            while rollup.thin(end - WHOLE_MS, newest=REPLAY):
                pass
        megabytes = size() / 1e6
    promise = f"{hours} hours at 5 s, 10 coins, take at most {SIZE_GOAL_MB} MB"
    return Goal(promise, f"{megabytes:.0f} MB", megabytes <= SIZE_GOAL_MB)


def locks(url: str, number: int, seconds: int) -> Iterator[Goal]:
    """Yield the goals of the lock, and print what a week at 1 s takes."""
    with application(url):
        empty, coins, rollup = size(), Coins(number), RollUp(db.engine, MARKET)
        store, ticks = Store(db.engine, MARKET), range(BEGIN, BEGIN + seconds * 1000, 1000)
        coins.write(ticks)
        a_tick = (size() - empty) / len(ticks)
        with watched_lock(url) as held:
            while rollup.roll_up(ticks[-1]):
                pass
        yield _lock(f"rolling up {number} coins", held)
        with watched_lock(url) as held:
            while rollup.thin(ticks[-1], newest=1):
                pass
        yield _lock(f"thinning {number} coins", held)
        with watched_lock(url) as held:
            for at in range(ticks.stop, ticks.stop + SAVES * 1000, 1000):
                save(store, *(quote(coin, price) for coin, price in coins.prices()), at=at)
                time.sleep(PAUSE_S)
        yield _lock(f"saving a tick of {number} coins", held)
    whole, a_minute = max(WHOLE_MS // 1000, REPLAY), 7 * DAY_MS // MINUTE_MS
    print(
        f"a week at 1 s, {number} coins, takes {a_tick * (whole + a_minute) / 1e6:.0f} MB:"
        f" {whole:,} whole ticks and {a_minute:,} of a minute each, {a_tick / 1000:.1f} kB a tick"
    )


def _lock(what: str, held: Sequence[float]) -> Goal:
    promise = f"{what} holds the lock for at most {LOCK_GOAL_MS} ms"
    if not held:  # less than there is to be seen
        return Goal(promise, "0 ms", True)
    p99 = statistics.quantiles([0, *held], n=100, method="inclusive")[98]
    found = f"{max(held):.1f} ms, p99 {p99:.1f}, median {statistics.median(held):.1f}"
    return Goal(promise, f"{found}, of {len(held)}", max(held) <= LOCK_GOAL_MS)


class Coins:
    """So many coins, whose prices move."""

    def __init__(self, number: int) -> None:
        self._prices = {f"coin-{n}": 10 ** random.uniform(-4, 5) for n in range(number)}
        with writing(db.engine) as connection:
            rows = [{"id": one, "symbol": one, "name": one} for one in self._prices]
            connection.execute(insert(CoinRow), rows)

    def prices(self) -> Iterator[tuple[str, Decimal]]:
        """Move the prices, and yield them by coin."""
        for name in self._prices:
            self._prices[name] *= random.gauss(1, 0.0003)
            yield name, Decimal(f"{self._prices[name]:.7g}")

    def write(self, ticks: range) -> None:
        """Store *ticks*, as they would have come."""
        with writing(db.engine) as connection:
            market = MARKET._asdict()
            connection.execute(insert(TickRow), [{"id": at} | market for at in ticks])
            connection.execute(insert(QuoteRow), [row for at in ticks for row in self._rows(at)])

    def _rows(self, at: int) -> Iterable[dict[str, object]]:
        for position, (name, now) in enumerate(self.prices()):
            yield {
                "tick_id": at, "position": position, "coin_id": name, "rank": position,
                "price": now, "direction": "up", "change_1h": Decimal("0.12345"),
                "change_24h": Decimal("-1.23456"), "change_7d": Decimal("2.34567"),
                "market_cap": Decimal(1234567890123), "volume_24h": Decimal(12345678901),
                "high_24h": now, "low_24h": now, "updated_at": at,
                "venues": ("bitstamp", "kraken"),
            }  # fmt: skip


if __name__ == "__main__":
    main()
