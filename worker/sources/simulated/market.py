"""A simulated market of ten well-known coins: for demos, and without a network.

Prices are a pure function of time, since each job runs in its own process and
keeps no state: smooth noise on several time scales. The price of a day ago comes
from the same function.
"""

import logging
import time
from collections.abc import Callable
from decimal import Decimal
from math import exp
from operator import itemgetter
from typing import Final

from tracker.config import Settings
from tracker.errors import ConfigError, SourceError
from tracker.market.quotes import Quote, number
from tracker.market.rates import Rates
from worker.sources.base import Fetched
from worker.sources.names import unknown
from worker.sources.simulated.coins import COINS, RATES, Coin
from worker.sources.simulated.noise import lattice, noise

log = logging.getLogger(__name__)

HOLD = -0.4
"""Noise (-1 to 1) below which a coin keeps its price for a step: three steps in ten."""

WAVES = (
    (30 * 86400, 0.25), (6 * 86400, 0.08), (30 * 3600, 0.025), (5 * 3600, 0.01),
    (50 * 60, 0.004), (7 * 60, 0.0015), (50, 0.0005), (8, 0.0002),
)  # fmt: skip
"""Period in seconds and amplitude (of the price's logarithm), close to bitcoin's real ones."""

HOUR = 3600
DAY = 24 * HOUR
WEEK = 7 * DAY
WINDOW = 3 * HOUR
"""Seconds between the prices from which the day's highest and lowest are taken."""


class Simulated:
    """The source that computes its quotes."""

    name: Final = "simulated"

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        """Prepare for *settings*; *clock* returns unix seconds.

        Raises `ConfigError` if the currency has no rate here.
        """
        if settings.currency not in RATES:
            raise ConfigError(
                f'TRACKER_CURRENCY="{settings.currency}" is not accepted by the simulated market;'
                f" accepted: {', '.join(sorted(RATES))}"
            )
        if settings.coins.top > len(COINS):
            log.warning("TRACKER_COINS=%s: the simulated market has %d", settings.coins, len(COINS))
        self._currency, self._rate = settings.currency, RATES[settings.currency]
        self._top = settings.coins.top
        ids = {coin.symbol: coin.id for coin in COINS} | {coin.id: coin.id for coin in COINS}
        self._named = {ids[name] for name in settings.coins.names if name in ids}
        missing = [name for name in settings.coins.names if name not in ids]
        self._warning = unknown(missing, "the simulated market", COINS) if missing else None
        if self._warning:
            log.warning("%s", self._warning)
        self._interval = settings.interval
        self._clock = clock

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched:
        """Return the settings' coins, largest first; *etag* is ignored.

        Raises `SourceError` if none is known here.
        """
        if self._warning and not self._top and not self._named:
            raise SourceError(self._warning)
        now = int(self._clock() // self._interval) * self._interval
        capped = sorted(((self._cap(coin, now), coin) for coin in COINS), key=itemgetter(0))
        followed = [
            (rank, cap, coin)
            for rank, (cap, coin) in enumerate(reversed(capped), 1)
            if rank <= self._top or coin.id in self._named
        ]
        hours = range(now - WEEK + HOUR, now + 1, HOUR)
        return Fetched(
            quotes=[self._quote(*found, now) for found in followed],
            weeks={coin.id: [self._price(coin, at) for at in hours] for _, _, coin in followed}
            if week
            else {},
            warning=self._warning,
        )

    def fetch_rates(self) -> Rates:
        """Return what the settings' currency is worth in others: bitcoin alone moves."""
        now = self._clock()
        bitcoin = 1 / _in_usd(COINS[0], int(now))
        amounts = {code: rate or bitcoin for code, rate in RATES.items()}
        return Rates.from_equal(self._currency, int(now * 1000), amounts)

    def _quote(self, rank: int, cap: Decimal, coin: Coin, now: int) -> Quote:
        price = self._price(coin, now)
        newest = now // WINDOW * WINDOW  # in whole windows: the day's highest holds for hours
        day = [self._price(coin, at) for at in range(newest, newest - DAY, -WINDOW)]
        turnover = coin.turnover * exp(0.4 * noise(f"{coin.id} volume", now / DAY))
        return Quote(
            id=coin.id,
            rank=rank,
            symbol=coin.symbol,
            name=coin.name,
            price=price,
            change_1h=_percent(price, self._price(coin, now - HOUR)),
            change_24h=_percent(price, self._price(coin, now - DAY)),
            change_7d=_percent(price, self._price(coin, now - WEEK)),
            market_cap=cap,
            volume_24h=Decimal(round(float(cap) * turnover)),
            high_24h=max(price, *day),
            low_24h=min(price, *day),
            updated_at=self._moved_at(coin, now) * 1000,
        )

    def _cap(self, coin: Coin, at: int) -> Decimal:
        return Decimal(round(float(self._price(coin, at)) * coin.supply))

    def _price(self, coin: Coin, at: int) -> Decimal:
        moved_at = self._moved_at(coin, at)
        # In bitcoin, bitcoin itself must cost exactly 1.
        rate = self._rate or 1 / _in_usd(COINS[0], moved_at)
        return _six_digits(_in_usd(coin, moved_at) * rate)

    def _moved_at(self, coin: Coin, at: int) -> int:
        """Return the time (unix seconds) of the last step up to *at* in which the coin moved."""
        step = at // self._interval
        while lattice(f"{coin.id} hold", step) < HOLD:
            step -= 1
        return step * self._interval


def _in_usd(coin: Coin, at: int) -> float:
    wave = sum(height * noise(f"{coin.id} {period}", at / period) for period, height in WAVES)
    price = coin.price * exp(coin.volatility * wave)
    return round(price, 4) if coin.stable else price


def _percent(price: Decimal, before: Decimal) -> Decimal:
    return Decimal(f"{(price / before - 1) * 100:.5f}")


def _six_digits(value: float) -> Decimal:
    """Return *value* with six digits, as CoinGecko prints prices, and without an exponent."""
    found = number(Decimal(f"{value:.6g}"))
    assert found is not None  # a finite float is a number
    return found
