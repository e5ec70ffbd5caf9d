"""A stand-in CoinGecko: the real API's paths, shapes and faults on a loopback port.

Numbers go out with just the digits they were given: `Decimal("0.10")` as 0.10,
and `RawJSON("1e999")` as that very text. Each answer has a weak ETag, and a request
with it gets 304 as long as nothing has changed.
"""

from decimal import Decimal
from hashlib import blake2b
from threading import Lock
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import simplejson

from tests.support.stand_in import Handler, StandIn
from tracker.times import iso, now_ms

Manner = Literal["whole", "truncated", "reset", "hang", "drip", "raw", "raw drip"]
"""How a scripted answer is sent: whole; its first half; reset or silence instead of it; with
blanks after it for ever; or the body alone, which is no HTTP, also with zeros after it for ever."""

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
    ("pepe", "pepe", "Pepe", "4.273e-06", 420_690_000_000_000),
)
"""Id, symbol, name, price and supply, by market cap."""


RATES = (
    ("btc", "Bitcoin", "BTC", "1.0", "crypto"),
    ("usd", "US Dollar", "$", "97012.5", "fiat"),
    ("eur", "Euro", "€", "89251.5", "fiat"),
    ("jpy", "Japanese Yen", "¥", "14648887.5", "fiat"),
    ("xau", "Gold - Troy Ounce", "XAU", "23.283", "commodity"),
)
"""Code, name, unit, value of a bitcoin and type."""


def coin(
    id: str,
    symbol: str = "",
    name: str = "",
    price: str = "1.5",
    supply: int = 1_000_000,
    rank: int | None = 1,
    **fields: Any,
) -> dict[str, Any]:
    """Return one entry of `/coins/markets`, of now, as far as it is read; *fields* override."""
    exact = Decimal(price)
    entry = {
        "id": id,
        "symbol": symbol or id[:4],
        "name": name or id.title(),
        "image": f"https://coin-images.coingecko.com/coins/images/1/large/{id}.png?1696501400",
        "current_price": exact,
        "market_cap": int(exact * supply),
        "market_cap_rank": rank,
        "total_volume": int(exact * supply / 25),
        "high_24h": exact * 2,
        "low_24h": exact / 2,
        "price_change_percentage_24h": Decimal("1.23001"),
        "last_updated": iso(now_ms()),
        "price_change_percentage_1h_in_currency": Decimal("0.12000000000000455"),
        "price_change_percentage_24h_in_currency": Decimal("1.23"),
        "price_change_percentage_7d_in_currency": Decimal("-3.4"),
    }
    return entry | fields


def sparkline(price: Any) -> dict[str, list[object]]:
    """Return the hourly prices of a week that rose by 1.67 % to end at *price*."""
    hours = reversed(range(168)) if isinstance(price, Decimal) else ()
    return {"price": [price * (10_000 - ago) / 10_000 for ago in hours]}


def market() -> list[dict[str, Any]]:
    """Return ten coins by market cap."""
    return [coin(*known, rank=rank) for rank, known in enumerate(TOP, 1)]


class Request(NamedTuple):
    """One request as it came; header names are in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Script(NamedTuple):
    """An answer to give instead of the real one."""

    status: int
    body: bytes
    headers: dict[str, str]
    manner: Manner = "whole"


class CoinGecko(StandIn):
    """The stand-in. Set it up and change it from any thread."""

    def __init__(self) -> None:
        self.coins = market()
        self.requests: list[Request] = []
        self._lock = Lock()
        self._script: Script | None = None
        self._times: int | None = None
        super().__init__(_Handler)
        self.port = self.server_port
        self.url += "/api/v3"

    def set_price(self, id: str, price: str) -> None:
        """Give coin *id* this price, with just these digits."""
        with self._lock:
            entry = next(entry for entry in self.coins if entry["id"] == id)
            entry["current_price"] = Decimal(price)
            entry["last_updated"] = iso(now_ms())

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
        text = body if isinstance(body, str | bytes) else dumps(body)
        raw = text.encode() if isinstance(text, str) else text
        with self._lock:
            self._script, self._times = Script(status, raw, headers or {}, manner), times

    def recover(self) -> None:
        """Answer as the real API again."""
        with self._lock:
            self._script = None

    def next_script(self) -> Script | None:
        """Return what is to be answered to this request, and count it."""
        with self._lock:
            script = self._script
            if script and self._times is not None:
                self._times -= 1
                self._script = script if self._times else None
            return script

    def markets(self, query: dict[str, str]) -> str:
        """Return the body of `/coins/markets`."""
        with self._lock:
            ranked = sorted(self.coins, key=lambda entry: -(entry["market_cap"] or 0))
            for key, wanted in (("id", query.get("ids")), ("symbol", query.get("symbols"))):
                if wanted is not None:
                    ranked = [entry for entry in ranked if entry[key] in wanted.split(",")]
            shown = [dict(entry) for entry in ranked[: int(query["per_page"])]]
        for entry in shown:
            week = entry.pop("sparkline_in_7d", sparkline(entry["current_price"]))
            if query.get("sparkline") == "true":
                entry["sparkline_in_7d"] = week
        return dumps(shown)

    def rates(self) -> str:
        """Return the body of `/exchange_rates`."""
        return dumps(
            {
                "rates": {
                    code: {"name": name, "unit": unit, "value": Decimal(value), "type": type}
                    for code, name, unit, value, type in RATES
                }
            }
        )


def dumps(body: Any) -> str:
    """Return *body* as JSON, its numbers' digits untouched; NaN is written as NaN."""
    return simplejson.dumps(body, use_decimal=True, allow_nan=True)


class _Handler(Handler):
    server: CoinGecko

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(url.path, query, headers))
        self.play(self.server.next_script() or self.real(url.path, query, headers))

    def real(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Script:
        """Return what the real API answers."""
        if headers.get("user-agent", "python-requests").startswith("python-requests"):
            told = {"error_code": 403, "error_message": "Please add a descriptive User-Agent."}
            return Script(403, dumps({"status": told}).encode(), {})
        if path == "/api/v3/exchange_rates":
            return Script(200, self.server.rates().encode(), {})
        if path != "/api/v3/coins/markets":
            return Script(404, dumps({"error": "Incorrect path."}).encode(), {})
        body = self.server.markets(query).encode()
        etag = f'W/"{blake2b(body, digest_size=16).hexdigest()}"'
        is_known = headers.get("if-none-match") == etag
        return Script(304 if is_known else 200, b"" if is_known else body, {"ETag": etag})

    def play(self, script: Script) -> None:
        """Send *script* in its manner."""
        self.close_connection = script.manner != "whole"
        match script.manner:
            case "hang":
                self.server.ended.wait()
            case "reset":
                self.reset()
            case "raw" | "raw drip" as manner:
                self.wfile.write(script.body)
                while manner == "raw drip" and not self.server.ended.wait(PACE):
                    self.wfile.write(b"0")
            case manner:
                self.head(script)
                half = len(script.body) // 2
                self.wfile.write(script.body[:half] if manner == "truncated" else script.body)
                while manner == "drip" and not self.server.ended.wait(PACE):
                    self.wfile.write(b" ")

    def head(self, script: Script) -> None:
        self.send_response(script.status)
        kind = {"Content-Type": "application/json; charset=utf-8"}
        for name, value in (kind | script.headers).items():
            self.send_header(name, value)
        if script.manner != "drip" and script.status != 304:  # which ends with its head
            self.send_header("Content-Length", str(len(script.body)))
        self.end_headers()
