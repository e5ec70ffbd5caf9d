"""Stand-ins of the four exchanges: their public paths, shapes and faults on one loopback port.

    with Exchanges(BTC="97012.5", ETH="3401.27") as exchanges:
        exchanges.prices["BTC"] = Decimal(97013)
        exchanges.scripts["kraken"] = (429, {"error": ["EAPI:Rate limit exceeded"]}, {})
        requests.get(f"{exchanges.url}/bitstamp/api/v2/ticker/")
        assert exchanges.asked["bitstamp"] == 1

Prices are in dollars; Binance's are in USDT, which costs `prices["USDT"]`. *off* multiplies
all prices of one exchange, *ages* makes its trades so many seconds old.
"""

import json
import time
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.support.stand_in import Handler, StandIn

Answer = tuple[int, Any, dict[str, str]]
Prices = dict[str, Decimal]
Query = dict[str, str]

OWN_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
"""Kraken's."""


class Exchanges(StandIn):
    """All four. Change the attributes from any thread."""

    def __init__(self, **prices: str) -> None:
        self.prices = {symbol: Decimal(price) for symbol, price in prices.items()}
        self.off: defaultdict[str, Decimal] = defaultdict(lambda: Decimal(1))
        self.ages: defaultdict[str, int] = defaultdict(int)
        self.slow_lists_s = 0.0
        """How long a list of all markets takes."""
        self.lists: dict[str, Any] = {}
        """What an exchange answers instead of its list of pairs."""
        self.scripts: dict[str, Answer | Literal["reset"] | None] = {}
        """What an exchange answers instead; None is nothing until the end."""
        self.asked: Counter[str] = Counter()
        self.paths: list[str] = []
        super().__init__(_Handler)

    def urls(self) -> dict[str, str]:
        """Return the settings that lead here."""
        names = ("kraken", "bitstamp", "binance", "gemini")
        return {f"{name.upper()}_URL": f"{self.url}/{name}" for name in names}

    def answer(self, venue: str, path: str, query: dict[str, str]) -> Answer:
        """Return what *venue* answers to *path*."""
        prices = {symbol: price * self.off[venue] for symbol, price in self.prices.items()}
        at = time.time() - self.ages[venue]
        found = getattr(self, f"_{venue}")(prices, path, query, at)
        return found if isinstance(found, tuple) else (200, found, {})

    def _kraken(self, prices: Prices, path: str, query: Query, at: float) -> Any:
        names = {symbol: OWN_NAMES.get(symbol, symbol) for symbol in prices}
        if path == "/0/public/AssetPairs":
            listed = {f"X{name}ZUSD": {"wsname": f"{name}/USD"} for name in names.values()}
            return self.lists.get("kraken", {"error": [], "result": listed})
        last = {f"X{names[symbol]}ZUSD": {"c": [str(price)]} for symbol, price in prices.items()}
        asked = query["pair"].split(",")
        if any(pair not in last for pair in asked):
            return {"error": ["EQuery:Unknown asset pair"]}
        return {"error": [], "result": {pair: last[pair] for pair in asked}}

    def _bitstamp(self, prices: Prices, path: str, query: Query, at: float) -> Any:
        return [
            {
                "pair": f"{symbol}/USD{suffix}",
                "market_type": kind,
                "last": str(price * factor),
                "timestamp": str(int(at)),
            }
            for symbol, price in prices.items()
            for suffix, kind, factor in (("", "SPOT", 1), ("-PERP", "PERPETUAL", 2))
        ]

    def _binance(self, prices: Prices, path: str, query: Query, at: float) -> Any:
        pairs = {f"{symbol}USDT": symbol for symbol in prices if symbol != "USDT"}
        asked = json.loads(query.get("symbols", "[]")) or list(pairs)
        if any(pair not in pairs for pair in asked):
            return 400, {"code": -1121, "msg": "Invalid symbol."}, {}
        usdt = prices.get("USDT", Decimal(1)) / self.off["binance"]
        return [
            {
                "symbol": pair,
                "lastPrice": str(prices[pairs[pair]] / usdt),
                "closeTime": int(at * 1000),
            }
            for pair in asked
        ]

    def _gemini(self, prices: Prices, path: str, query: Query, at: float) -> Any:
        rows = [{"pair": f"{symbol}USD", "price": str(price)} for symbol, price in prices.items()]
        return [*rows, {"pair": "NEWUSD", "price": "0"}]


class _Handler(Handler):
    server: Exchanges

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        venue, _, path = url.path.lstrip("/").partition("/")
        self.server.asked[venue] += 1
        self.server.paths.append(self.path)
        script = self.server.scripts.get(venue, ())
        if script is None:
            self.server.ended.wait()
            self.close_connection = True
            return
        if script == "reset":
            self.reset()
            return
        is_list = path.endswith("AssetPairs") or (venue == "binance" and "symbols" not in url.query)
        if is_list:
            self.server.ended.wait(self.server.slow_lists_s)
        status, body, headers = script or self.server.answer(
            venue, f"/{path}", dict(parse_qsl(url.query))
        )
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response_only(status)
        own = {"Date": self.date_time_string(), "Content-Length": str(len(raw))}
        for name, value in (own | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)
