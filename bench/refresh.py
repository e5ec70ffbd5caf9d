"""What a refresh costs, and how soon its tick is at a reader.

`python -m bench.refresh` runs the job's own code, from the source's answer on,
against a real Redis and SQLite and the real web process, with one reader. The
source is CoinGecko's parser on bodies made here: the network is left out.
"""

import socket
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import simplejson

from bench.machine import description
from bench.servers import Ours
from tracker import backend
from tracker.config import Settings
from tracker.times import iso
from worker import jobs
from worker.aggregator import Aggregator
from worker.sources import Fetched
from worker.sources.coingecko import quotes, responses
from worker.sources.http import Answer
from worker.sources.simulated.market import Simulated
from worker.venues.exchanges import Exchanges

ROUNDS = 100
GOALS = {10: 15.0, 250: 60.0}
"""CPU milliseconds of a refresh, by the number of coins."""
LATENCY_GOALS = (15.0, 50.0)
"""Milliseconds from the source's answer to the event at a reader, p50 and p99."""


class Canned:
    """CoinGecko's answers without CoinGecko: bodies whose prices move."""

    name = "simulated"

    def __init__(self, most: int) -> None:
        self._most = most
        self._at = time.time()
        self._market = Simulated(Settings(source="simulated"), clock=lambda: self._at)
        self.answered_at = 0.0
        self._body = b""
        self.prepare()

    def prepare(self) -> None:
        """Make the next answer's body."""
        self._at += 60
        quotes = self._market.fetch().quotes
        rows = [
            {
                "id": f"{quote.id}-{n}",
                "symbol": quote.symbol,
                "name": quote.name,
                "image": f"https://img.example/{quote.id}.png",
                "current_price": quote.price,
                "market_cap": quote.market_cap,
                "market_cap_rank": n + 1,
                "total_volume": quote.volume_24h,
                "high_24h": quote.high_24h,
                "low_24h": quote.low_24h,
                "price_change_percentage_1h_in_currency": quote.change_1h,
                "price_change_percentage_24h_in_currency": quote.change_24h,
                "price_change_percentage_7d_in_currency": quote.change_7d,
                "last_updated": iso(quote.updated_at or 0),
            }
            for n, quote in enumerate((quotes * self._most)[: self._most])
        ]
        self._body = simplejson.dumps(rows, use_decimal=True).encode()

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched:
        """Return the quotes in the body that was prepared."""
        self.answered_at = time.time()
        found, _ = quotes.quotes(responses.rows(Answer(200, {}, self._body)))
        return Fetched(quotes=found)


class Reader(threading.Thread):
    """Reads the stream, and notes when each tick was there whole."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.came_at: dict[int, float] = {}

    def run(self) -> None:
        """Read until the stream ends."""
        rest = b""
        while data := self._sock.recv(1 << 20):
            rest += data
            now = time.time()
            *frames, rest = rest.split(b"\n\n")
            for frame in frames:
                for line in frame.split(b"\n"):
                    if line.startswith(b"id: "):
                        self.came_at[int(line[4:])] = now


def measure(server: Ours, most: int) -> None:
    """Refresh `ROUNDS` times with *most* coins, and print."""
    its = backend.build(replace(server.settings, interval=0, coingecko_interval=0))
    source, reader = Canned(most), Reader(server.port)
    aggregator = Aggregator(source, Exchanges((), interval_s=1), "usd")
    reader.start()
    cpu, latency = [], []
    for _ in range(ROUNDS):
        source.prepare()
        before = time.process_time()
        jobs.refresh(aggregator, its)
        cpu.append((time.process_time() - before) * 1000)
        newest = its.store.newest(1)[0].id
        while newest not in reader.came_at:
            time.sleep(0.001)
        latency.append((reader.came_at[newest] - source.answered_at) * 1000)
    p50, p99 = statistics.median(latency), statistics.quantiles(latency, n=100)[98]
    print(
        f"{most:>4} coins: {statistics.median(cpu):6.1f} ms CPU a refresh (goal {GOALS[most]:g});"
        f" answer to reader p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        f" (goal {LATENCY_GOALS[0]:g}, {LATENCY_GOALS[1]:g} at 10 coins)"
    )
    its.close()


def main() -> None:
    """Measure 10 coins and 250, each with a web process of its own."""
    print(description()[0])
    for most in GOALS:
        with tempfile.TemporaryDirectory() as folder:
            server = Ours(Path(folder))
            server.start()
            try:
                measure(server, most)
            finally:
                server.stop()


if __name__ == "__main__":
    main()
