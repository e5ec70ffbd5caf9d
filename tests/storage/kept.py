"""A history in a database, with what its tests save in it and find in its tables."""

from decimal import Decimal

from sqlalchemy import Engine, select, text

from tests.support.tools import quote, save
from tracker.market.candles import Candle, Point, from_sparkline
from tracker.market.quotes import Market
from tracker.storage.engine import reading, writing
from tracker.storage.history import History
from tracker.storage.models import CandleRow, of_market
from tracker.storage.ticks import Store

MINUTE = 60_000
NOON = 1_795_435_200_000
NOW = NOON + 40 * MINUTE
USD, EUR = Market("simulated", "usd"), Market("simulated", "eur")
WEEK = from_sparkline(list(range(168)), end=NOON)


class Kept(History):
    """A history with what a test saves in it and finds in its tables."""

    def __init__(self, engine: Engine, market: Market = USD) -> None:
        super().__init__(engine, market)
        self.engine = engine
        self.store = Store(engine, market)

    def save(self, at: int, *, told: int | None = None, **prices: int | str) -> None:
        """Make a tick of *prices*, by coin."""
        quotes = [quote(coin, Decimal(price)) for coin, price in prices.items()]
        saved = save(self.store, *quotes, at=at, told=told)
        assert saved
        assert saved.tick.id == at

    def walk(self, minutes: range) -> list[Point]:
        """Make a tick in each of *minutes* after noon; return bitcoin's points."""
        points = [(NOON + minute * MINUTE, minute * 37 % 101) for minute in minutes]
        for at, price in points:
            self.save(at, bitcoin=price, ether=price + 1)
        return as_points(*points)

    def stored(self, coin: str = "bitcoin") -> list[Candle]:
        """Return *coin*'s candles as the table has them."""
        row = CandleRow
        query = select(row.hour, row.open, row.high, row.low, row.close).order_by(row.hour)
        its = query.where(row.coin_id == coin, of_market(row, self.market))
        with reading(self.engine) as connection:
            return [Candle(*found) for found in connection.execute(its)]

    def count(self, table: str) -> int:
        with reading(self.engine) as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


def as_points(*points: tuple[int, int]) -> list[Point]:
    return [(at, Decimal(price)) for at, price in points]


def candle(open: int, high: int, low: int, close: int, hour: int = NOON) -> Candle:
    return Candle(hour, Decimal(open), Decimal(high), Decimal(low), Decimal(close))


MAKE_TICK = "INSERT INTO tick (id, source, currency) VALUES (:id, 'simulated', 'usd')"
MAKE_QUOTE = """
INSERT INTO quote (tick_id, position, coin_id, price, direction)
VALUES (:id, 0, 'bitcoin', :price, 'up')
"""
MAKE_TICKS = """
INSERT INTO tick (id, source, currency)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :ticks)
SELECT :noon - i * :step, 'simulated', 'usd' FROM n
"""
MAKE_COINS = """
INSERT INTO coin (id, symbol, name)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :coins)
SELECT 'coin-' || i, 'c', 'C' FROM n
"""
MAKE_QUOTES = """
INSERT INTO quote (tick_id, position, coin_id, price, direction)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :coins)
SELECT tick.id, i, 'coin-' || i, (tick.id / 1000 * 7919) % 10007, 'up' FROM tick, n
ORDER BY tick.id, i
"""
MAKE_CANDLES = """
INSERT INTO candle (source, currency, coin_id, hour, open, high, low, close)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= :candles)
SELECT 'simulated', 'usd', coin.id, :noon - i * CAST(3600000 AS BIGINT),
       100 + i % 7, 200 + i * 7919 % 10007, 100 - i * 7907 % 97, 100 + i % 11
FROM coin, n WHERE i <= :candles
"""


def fill_with_sql(history: Kept, coins: int, ticks: int, candles: int, step: int) -> None:
    """Make so many ticks, and candles of each coin, before noon, quickly, and tell the planner."""
    wanted = {"coins": coins, "ticks": ticks, "candles": candles, "step": step, "noon": NOON}
    with writing(history.engine) as connection:
        for statement in (MAKE_COINS, MAKE_TICKS, MAKE_QUOTES, MAKE_CANDLES):
            connection.execute(text(statement), wanted)
    with history.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
