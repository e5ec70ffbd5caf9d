"""How old a shown price is, and whether exchanges that are wrong can make one wrong.

`python -m bench.venues` runs the product with its defaults, against stand-ins whose prices
say when they were, and looks at what a reader of the stream has ten times a second. Then
each fault of CoinGecko and of each of the four exchanges, alone and together with each fault of
each other, lasts `--seconds` of a clock of its own, with a tick each second: the aggregator,
the venues and the rule are the product's, HTTP and threads are left out. CoinGecko is asked once
a minute; its faults begin after its first answer.

A price is wrong when it is further from the true one than the rule allows: by more than 5 % and
what the true price has moved since the price in CoinGecko's last answer.
"""

import argparse
import json
import logging
import random
import socket
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from email.utils import formatdate
from itertools import combinations, product
from typing import Final, cast
from unittest import mock

import simplejson

from bench.footprint import launched
from bench.goals import Goal
from bench.machine import description
from dev.embedded_redis import free_port
from tests.support import fake_coingecko, fake_exchanges
from tests.support.tools import quote, wait_for
from tracker.config import Settings
from tracker.errors import SourceError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Quote
from worker.aggregator import Aggregator
from worker.sources import Fetched
from worker.sources.http import Answer, Client
from worker.threads import in_line
from worker.venues import VENUES
from worker.venues.consensus import ALONE
from worker.venues.exchanges import Exchanges

AGE_GOAL_S = 6.0
AGE_SECONDS = 60.0
START_S = 60.0
BASE = 97_000
"""Dollars of a bitcoin; each second later it costs one more."""
COINS = {"BTC": "97012.5", "ETH": "3401.27", "DOGE": "0.10", "USDT": "0.9998"}
SOURCE_INTERVAL = 60
FAULTS = (
    "ten times", "3 % off", "frozen", "old", "zero", "not a number",
    "error", "hang", "refused", "banned",
)  # fmt: skip
"""Of an exchange."""
SOURCE = "coingecko"
SOURCE_FAULTS = ("rate limit", "error", "frozen", "unchanged", "a coin is missing")
"""Of CoinGecko, which hangs as it errs: an answer that is late is a failure."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.venues", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of each fault; default 600")
    options = parser.parse_args()
    print(description()[0])
    logging.disable()  # of faults that are made here
    p95 = ages_p95()
    promise = f"a shown price is at most {AGE_GOAL_S:g} s old, p95"
    print(Goal(promise, f"{p95:.1f} s", p95 <= AGE_GOAL_S), flush=True)
    judge_all(options.seconds)


def judge_all(seconds: int) -> None:
    """Judge each price shown in *seconds* of each choice of faults, and print."""
    wrong, shown, worst, worst_of = 0, 0, Decimal(0), ""
    choices = list(choices_of_faults())
    for faults in choices:
        name = ", ".join(f"{who}: {fault}" for who, fault in faults.items()) or "all well"
        of_this = 0
        for off, allowed in Run(faults).prices(seconds):
            shown += 1
            of_this += off > allowed
            if off > worst:
                worst, worst_of = off, name
        if of_this:
            print(f"  {of_this} wrong prices: {name}", flush=True)
        wrong += of_this
    print(f"  the furthest from the true price: {worst:.2%} ({worst_of})")
    promise = f"no wrong price in {len(choices)} choices of faults, {seconds} s each"
    print(Goal(promise, f"{wrong} of {shown:,}", wrong == 0 < shown))


def choices_of_faults() -> Iterator[dict[str, str]]:
    """Yield no fault, each fault alone, and each with each of another service."""
    faults = dict.fromkeys(VENUES, FAULTS) | {SOURCE: SOURCE_FAULTS}
    for count in (0, 1, 2):
        for services in combinations(faults, count):
            for chosen in product(*(faults[one] for one in services)):
                yield dict(zip(services, chosen, strict=True))


# How old a shown price is


def ages_p95() -> float:
    """Return the 95th percentile of the age in seconds of the price that a reader has."""
    began_at = time.time()

    def price() -> Decimal:
        return Decimal(BASE) + round(Decimal(time.time() - began_at), 2)

    class Market(fake_coingecko.CoinGecko):
        def markets(self, query: dict[str, str]) -> str:
            self.set_price("bitcoin", str(price()))
            return super().markets(query)

    class Venues(fake_exchanges.Exchanges):
        def answer(self, venue: str, path: str, query: dict[str, str]) -> fake_exchanges.Answer:
            self.prices["BTC"] = price()
            return super().answer(venue, path, query)

    with Market() as gecko, Venues(BTC=str(BASE)) as venues:
        settings = Settings(coingecko_url=gecko.url, port=free_port())
        with launched(settings, venues):
            reader = BitcoinReader(settings.port)
            wait_for(lambda: reader.price, START_S, "the first price at a reader")
            time.sleep(2 * settings.interval)
            ages = []
            for _ in range(round(AGE_SECONDS * 10)):
                time.sleep(0.1)
                ages.append(time.time() - began_at - float(reader.price - BASE))
    return statistics.quantiles(ages, n=20)[-1]


class BitcoinReader:
    """Reads the stream on *port*, as soon as it is served, and keeps the newest price."""

    def __init__(self, port: int) -> None:
        self.price = Decimal(0)
        self._port = port
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._read()
            except OSError:
                time.sleep(0.1)

    def _read(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(b"GET /stream?coins=bitcoin HTTP/1.0\r\n\r\n")
            for line in connection.makefile("rb"):
                if line.startswith(b"data: ") and b'"quotes"' in line:
                    tick = simplejson.loads(line[6:], use_decimal=True)
                    self.price = Decimal(str(tick["quotes"][0]["price"]))


# Whether a price can be made wrong


class Run:
    """CoinGecko and the exchanges, those in *faults* with theirs, on a clock of its own."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self._faults = faults
        self._random = random.Random(1)
        self._began_at = time.time()
        self.now = self._began_at
        self.true = {symbol: Decimal(price) for symbol, price in COINS.items()}
        self._frozen = dict(self.true)

    def prices(self, seconds: int) -> Iterator[tuple[Decimal, Decimal]]:
        """Yield for each shown price how far it is from the true one, and how far it may be."""
        exchanges = Exchanges(
            [VENUES[name](cast(Client, _Line(self, name))) for name in VENUES],
            interval_s=1,
            clock=lambda: self.now,
        )
        aggregator = Aggregator(_Source(self), exchanges, "usd")
        state, referred = SourceState(), dict(self.true)
        newest: tuple[Quote, ...] = ()
        clock = mock.Mock(side_effect=lambda: round(self.now * 1000))
        with (
            mock.patch("worker.venues.exchanges.now_ms", clock),
            mock.patch("worker.venues.exchanges.in_thread", in_line),
            mock.patch("worker.aggregator.in_thread", in_line),
        ):
            for second in range(seconds):
                self.now += 1
                for symbol, price in self.true.items():
                    self.true[symbol] = price * Decimal(self._random.gauss(1, 0.0003))
                is_due, at = second % SOURCE_INTERVAL == 0, round(self.now * 1000)
                found = aggregator.collect(state, tuple, is_due=is_due, week=False, at=at)
                if found.error:
                    state = state.failed(at, str(found.error), next_attempt_at=at + 60_000)
                elif found.answered:
                    state = state.succeeded(at, next_attempt_at=at + 60_000, stale_after=180_000)
                if found.fetched:
                    referred |= {one.symbol: one.price for one in found.fetched.quotes}
                if found.quotes:
                    newest = found.quotes
                    state = state.renewed(at, stale_after=180_000)
                for shown in newest:
                    true = self.true[shown.symbol]
                    moved = abs(referred[shown.symbol] / true - 1)
                    yield abs(shown.price / true - 1), ALONE * (1 + moved) + moved

    def fetched(self) -> Fetched | None:
        """Return what CoinGecko answers now. Raises `SourceError`."""
        is_first = self.now - self._began_at < SOURCE_INTERVAL
        fault = "" if is_first else self._faults.get(SOURCE, "")
        if fault in ("rate limit", "error"):
            raise SourceError(f"CoinGecko: {fault}", kind="server")
        if fault == "unchanged":
            return None
        prices = self._frozen if fault == "frozen" else self.true
        return Fetched(
            quotes=[
                quote(symbol.lower(), str(round(price, 8)), symbol=symbol)
                for symbol, price in prices.items()
                if symbol != "ETH" or fault != "a coin is missing"
            ]
        )

    def answer(self, venue: str, path: str, query: dict[str, str]) -> tuple[int, object]:
        """Return what *venue* answers, with its fault. Raises `SourceError` for one that hangs."""
        fault = self._faults.get(venue, "")
        scripted = {
            "error": (500, "Internal Server Error"),
            "refused": (451, "Unavailable For Legal Reasons"),
            "banned": (418, "banned"),
        }
        if fault == "hang":
            raise SourceError(f"{venue}: no answer", kind="timeout")
        if fault in scripted:
            return scripted[fault]
        prices = self._frozen if fault in ("frozen", "old") else self.true
        factor = {
            "ten times": Decimal(10),
            "3 % off": Decimal("1.03"),
            "zero": Decimal(0),
            "not a number": Decimal("NaN"),
        }
        own = {
            # Binance says prices in USDT; what that costs it does not say.
            symbol: round(price, 8) * (1 if symbol == "USDT" else factor.get(fault, 1))
            for symbol, price in prices.items()
        }
        at = self._began_at - 3600 if fault == "old" else self.now
        return 200, getattr(_StandIn(), f"_{venue}")(own, path, query, at)


class _StandIn(fake_exchanges.Exchanges):
    """The stand-in's answers without its server."""

    def __init__(self) -> None:
        self.off = defaultdict(lambda: Decimal(1))
        self.lists = {}


class _Line:
    """What a venue's `Client` does, without the network."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self._name, self.service = run, name, name

    def ask(self, path: str, query: Mapping[str, str], *, timeout_s: float | None = None) -> Answer:
        """Return the answer."""
        status, body = self._run.answer(self._name, path, dict(query))
        date = {"Date": formatdate(self._run.now, usegmt=True)}
        return Answer(status, date, json.dumps(body).encode())


class _Source:
    """CoinGecko."""

    name: Final = "coingecko"

    def __init__(self, run: Run) -> None:
        self._run = run

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return what it answers now."""
        return self._run.fetched()


if __name__ == "__main__":
    main()
