"""How large SQLite's file is after a week of quick ticks, and how long thinning holds the lock.

`python -m bench.week` stores a week at 5 s with 10 coins, and maintains it as the worker does, but
once a simulated hour: what an hour brings is thinned at its end, so the file is rather larger
than the product's. A week at 1 s with 250 coins is calculated from ten minutes of it.
"""

import random
import statistics
import tempfile
from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import insert

from bench.goals import Goal
from bench.history import application, size, timed_locks
from bench.machine import description
from tracker.config import Settings
from tracker.market.quotes import Market
from tracker.services import db
from tracker.storage.engine import writing
from tracker.storage.models import CoinRow, QuoteRow, TickRow
from tracker.storage.rollup import RollUp
from tracker.times import DAY_MS, HOUR_MS, MINUTE_MS
from worker.maintenance import WHOLE_MS

BEGIN = 1_795_413_600_000
MARKET = Market("simulated", "usd")
REPLAY = Settings().replay
SIZE_GOAL_MB = 60
LOCK_GOAL_MS = 50
SAMPLE_MS = 10 * MINUTE_MS


def main() -> None:
    """Measure both, and print."""
    print(description()[0])
    with tempfile.TemporaryDirectory() as folder:
        found = [*small(f"sqlite:///{folder}/small.db"), *large(f"sqlite:///{folder}/large.db")]
    for goal in found:
        print(f"- {'pass' if goal.kept else 'FAIL'}: {goal.promise}: {goal.found}")


def small(url: str) -> list[Goal]:
    """Return the goals of a week at 5 s with 10 coins."""
    with application(url), timed_locks() as held:
        coins, rollup = Coins(10), RollUp(db.engine, MARKET)
        for begin in range(BEGIN, BEGIN + 7 * DAY_MS, HOUR_MS):
            end = begin + HOUR_MS
            coins.write(range(begin, end, 5000))
            rollup.roll_up(end)
            while rollup.thin(end - WHOLE_MS, newest=REPLAY):
                pass
        megabytes = size() / 1e6
    promise = f"a week at 5 s, 10 coins, takes at most {SIZE_GOAL_MB} MB"
    return [Goal(promise, f"{megabytes:.0f} MB", megabytes <= SIZE_GOAL_MB), _lock(10, held)]


def large(url: str) -> list[Goal]:
    """Print what a week at 1 s with 250 coins takes, and return its goals."""
    with application(url):
        empty, coins, rollup = size(), Coins(250), RollUp(db.engine, MARKET)
        ticks = range(BEGIN, BEGIN + SAMPLE_MS, 1000)
        coins.write(ticks)
        a_tick = (size() - empty) / len(ticks)
        rollup.roll_up(ticks[-1])
        with timed_locks() as held:
            rollup.thin(BEGIN + SAMPLE_MS, newest=1)
    whole, a_minute = max(WHOLE_MS // 1000, REPLAY), 7 * DAY_MS // MINUTE_MS
    print(
        f"a week at 1 s, 250 coins, takes {a_tick * (whole + a_minute) / 1e6:.0f} MB:"
        f" {whole:,} whole ticks and {a_minute:,} of a minute each, {a_tick / 1000:.1f} kB a tick"
    )
    return [_lock(250, held)]


def _lock(coins: int, held: Iterable[float]) -> Goal:
    promise = f"thinning {coins} coins holds the lock for at most {LOCK_GOAL_MS} ms"
    worst, usual = max(held), statistics.median(held)
    return Goal(promise, f"{worst:.1f} ms, {usual:.1f} in the median", worst <= LOCK_GOAL_MS)


class Coins:
    """So many coins, whose prices move."""

    def __init__(self, number: int) -> None:
        self._prices = {f"coin-{n}": 10 ** random.uniform(-4, 5) for n in range(number)}
        with writing(db.engine) as connection:
            rows = [{"id": one, "symbol": one, "name": one} for one in self._prices]
            connection.execute(insert(CoinRow), rows)

    def write(self, ticks: range) -> None:
        """Store *ticks*, as they would have come."""
        with writing(db.engine) as connection:
            market = MARKET._asdict()
            connection.execute(insert(TickRow), [{"id": at} | market for at in ticks])
            connection.execute(insert(QuoteRow), [row for at in ticks for row in self._rows(at)])

    def _rows(self, at: int) -> Iterable[dict[str, object]]:
        for position, name in enumerate(self._prices):
            self._prices[name] *= random.gauss(1, 0.0003)
            now = Decimal(f"{self._prices[name]:.7g}")
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
