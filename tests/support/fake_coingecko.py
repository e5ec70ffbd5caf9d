"""A stand-in CoinGecko: the real API's paths, shapes and faults on a loopback port.

    with CoinGecko() as gecko:
        gecko.set_price("bitcoin", "97012.50")
        gecko.answer(429, {"error": "…"}, {"Retry-After": "60"}, times=1)
        requests.get(f"{gecko.url}/coins/markets", …)
        assert gecko.requests[-1].query["per_page"] == "10"

Numbers go out with just the digits they were given: `Decimal("0.10")` as 0.10,
and `RawJSON("1e999")` as that very text. Each answer has a weak ETag, and who
sends it back is told 304 as long as nothing has changed.
"""

from __future__ import annotations

import re
import socket
import struct
import sys
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import simplejson

Manner = Literal["whole", "truncated", "reset", "hang", "drip", "raw"]
"""How a scripted answer is sent: whole; its first half; reset or silence instead of it; with
blanks after it for ever; or the body alone, which is no HTTP."""

CURRENCIES = {"usd", "eur", "gbp", "jpy", "btc"}

HOURS = 168
"""Points of a week's sparkline."""

PACE = 0.005
"""Seconds between two bytes of a dripping answer."""

TOP = (
    ("bitcoin", "btc", "Bitcoin", "97012.5", 19_950_000),
    ("ethereum", "eth", "Ethereum", "3401.27", 120_700_000),
    ("tether", "usdt", "Tether", "0.999812", 184_000_000_000),
    ("ripple", "xrp", "XRP", "2.21", 60_000_000_000),
    ("binancecoin", "bnb", "BNB", "931.4", 137_700_000),
    ("solana", "sol", "Solana", "141.96", 560_000_000),
    ("usd-coin", "usdc", "USDC", "0.99995", 75_000_000_000),
    ("tron", "trx", "TRON", "0.279351", 94_700_000_000),
    ("dogecoin", "doge", "Dogecoin", "0.10", 152_000_000_000),
    ("cardano", "ada", "Cardano", "0.402", 36_500_000_000),
    ("chainlink", "link", "Chainlink", "13", 697_000_000),
    ("pepe", "pepe", "Pepe", "4.273e-06", 420_690_000_000_000),
)
"""Id, symbol, name, price and supply, by market cap."""


def coin(
    id: str,
    symbol: str = "",
    name: str = "",
    price: str = "1.5",
    supply: int = 1_000_000,
    rank: int | None = 1,
    **fields: Any,
) -> dict[str, Any]:
    """Return one entry of `/coins/markets`: its 26 keys and the changes; *fields* override."""
    exact = Decimal(price)
    entry = {
        "id": id,
        "symbol": symbol or id[:4],
        "name": name or id.title(),
        "image": f"https://coin-images.coingecko.com/coins/images/1/large/{id}.png?1696501400",
        "current_price": exact,
        "market_cap": int(exact * supply),
        "market_cap_rank": rank,
        "fully_diluted_valuation": int(exact * supply),
        "total_volume": int(exact * supply / 25),
        "high_24h": exact * 2,
        "low_24h": exact / 2,
        "price_change_24h": Decimal("-0.0123"),
        "price_change_percentage_24h": Decimal("1.23001"),
        "market_cap_change_24h": -1234,
        "market_cap_change_percentage_24h": Decimal("-0.11"),
        "circulating_supply": Decimal(f"{supply}.0"),
        "total_supply": Decimal(f"{supply}.0"),
        "max_supply": None,
        "ath": exact * 3,
        "ath_change_percentage": Decimal("-66.6"),
        "ath_date": "2025-10-06T10:57:42.000Z",
        "atl": exact / 100,
        "atl_change_percentage": Decimal("9900.0"),
        "atl_date": "2013-07-05T16:00:00.000Z",
        "roi": None,
        "last_updated": "2026-11-23T06:14:00.123Z",
        "price_change_percentage_1h_in_currency": Decimal("0.12000000000000455"),
        "price_change_percentage_24h_in_currency": Decimal("1.23"),
        "price_change_percentage_7d_in_currency": Decimal("-3.4"),
    }
    return entry | fields


def sparkline(price: object) -> dict[str, list[object]]:
    """Return the hourly prices of a week that rose by 1.67 % to end at *price*."""
    if not isinstance(price, Decimal):
        return {"price": []}
    return {"price": [price * (10_000 - ago) / 10_000 for ago in reversed(range(HOURS))]}


def market() -> list[dict[str, Any]]:
    """Return twelve coins by market cap."""
    return [coin(*known, rank=rank) for rank, known in enumerate(TOP, 1)]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names are in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class Script:
    """An answer to give instead of the real one, *times* times (None: until told otherwise)."""

    status: int
    body: bytes
    headers: dict[str, str]
    times: int | None
    manner: Manner


class CoinGecko:
    """The stand-in. Set it up and change it from any thread."""

    def __init__(self) -> None:
        """Listen on a free port of the loopback address."""
        self.coins = market()
        self.requests: list[Request] = []
        self.lock = Lock()
        self.script: Script | None = None
        self.ended = Event()
        self._server = _Server(self)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/api/v3"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it, with every connection and thread."""
        self.ended.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    def set_price(self, id: str, price: str) -> None:
        """Give coin *id* this price, with just these digits."""
        self.set(id, current_price=Decimal(price))

    def set(self, id: str, **fields: Any) -> None:
        """Give coin *id* these fields."""
        with self.lock:
            next(entry for entry in self.coins if entry["id"] == id).update(fields)

    def answer(
        self,
        status: int = 200,
        body: Any = b"",
        headers: dict[str, str] | None = None,
        *,
        times: int | None = None,
        manner: Manner = "whole",
    ) -> None:
        """Give this answer from now on, or *times* times; *body* as it is, or as JSON."""
        if not isinstance(body, str | bytes):
            body = dumps(body)
        raw = body.encode() if isinstance(body, str) else body
        with self.lock:
            self.script = Script(status, raw, headers or {}, times, manner)

    def recover(self) -> None:
        """Answer as the real API again."""
        with self.lock:
            self.script = None

    def next_script(self) -> Script | None:
        """Return what is to be answered to this request, and count it."""
        with self.lock:
            script = self.script
            if script is not None and script.times is not None:
                script.times -= 1
                if script.times <= 0:
                    self.script = None
            return script

    def markets(self, query: dict[str, str]) -> str:
        """Return the body of `/coins/markets`."""
        size, page = int(query.get("per_page", 100)), int(query.get("page", 1))
        with self.lock:
            ranked = sorted(self.coins, key=lambda entry: -(entry["market_cap"] or 0))
            shown = [dict(entry) for entry in ranked[(page - 1) * size : page * size]]
        for entry in shown:
            week = entry.pop("sparkline_in_7d", sparkline(entry["current_price"]))
            if query.get("sparkline") == "true":
                entry["sparkline_in_7d"] = week
        return dumps(shown)


def dumps(body: Any) -> str:
    """Return *body* as JSON, its numbers' digits untouched; NaN is written as NaN."""
    return simplejson.dumps(body, use_decimal=True, allow_nan=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, gecko: CoinGecko) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gecko = gecko
        self.connections: set[socket.socket] = set()

    def hang_up(self) -> None:
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it went by itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that ended: they are what is tested."""
        if not isinstance(sys.exception(), ConnectionError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        gecko, url = self.server.gecko, urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        headers = {name.lower(): value for name, value in self.headers.items()}
        gecko.requests.append(Request(url.path, query, headers))
        script = gecko.next_script()
        if script is not None:
            return self.play(script)
        return self.serve(url.path, query)

    def serve(self, path: str, query: dict[str, str]) -> None:
        """Answer as the real API does."""
        agent = self.headers.get("User-Agent", "")
        if not agent or agent.startswith("python-requests"):
            told = {"error_code": 403, "error_message": "Please add a descriptive User-Agent."}
            return self.send(403, dumps({"status": told}))
        if path == "/api/v3/ping":
            return self.send(200, dumps({"gecko_says": "(V3) To the Moon!"}))
        if path != "/api/v3/coins/markets":
            return self.send(404, dumps({"error": "Incorrect path."}))
        if "vs_currency" not in query:
            return self.send(422, dumps({"error": "Missing parameter vs_currency"}))
        if query["vs_currency"] not in CURRENCIES:
            return self.send(400, dumps({"error": "invalid vs_currency"}))
        return self.send(200, self.server.gecko.markets(query))

    def send(self, status: int, body: str) -> None:
        etag = f'W/"{blake2b(body.encode(), digest_size=16).hexdigest()}"'
        headers = {"Cache-Control": "max-age=30, public, must-revalidate, s-maxage=60"}
        if status == 200:
            headers["ETag"] = etag
            if etag in re.split(r"\s*,\s*", self.headers.get("If-None-Match", "")):
                status, body = 304, ""
        self.play(Script(status, body.encode(), headers, None, "whole"))

    def play(self, script: Script) -> None:
        """Send *script* in its manner."""
        ended = self.server.gecko.ended
        self.close_connection = script.manner != "whole"
        if script.manner == "hang":
            ended.wait()
        elif script.manner == "reset":
            self.reset()
        elif script.manner == "raw":
            self.wfile.write(script.body)
        else:
            self.head(script)
            cut = len(script.body) // 2 if script.manner == "truncated" else len(script.body)
            self.wfile.write(script.body[:cut])
            while script.manner == "drip" and not ended.wait(PACE):
                self.wfile.write(b" ")

    def reset(self) -> None:
        """Close with RST: a linger of 0 s, and no shutdown(), which would send FIN."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        for side in (self.rfile, self.wfile, self.connection):
            side.close()

    def head(self, script: Script) -> None:
        self.send_response(script.status)
        kind = {"Content-Type": "application/json; charset=utf-8"}
        for name, value in (kind | script.headers).items():
            self.send_header(name, value)
        if script.manner != "drip" and script.status != 304:  # which ends with its head
            self.send_header("Content-Length", str(len(script.body)))
        self.end_headers()
