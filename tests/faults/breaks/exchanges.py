"""Exchanges that lie, hang, fail and refuse, and CoinGecko failing with and without them."""

from tests.faults.harness.fault import NOTHING, REASON, Fault
from tests.faults.harness.product import Product
from tests.support.fake_exchanges import Answer
from tests.support.tools import wait_for

BOTH = ("bitstamp", "kraken")
DOWN: Answer = (502, "bad gateway", {})
TICKS = 3
"""Ticks that must come while something is broken."""


def is_well(product: Product) -> bool:
    """Return whether all sources answer, and prices come from both exchanges."""
    status, coin = product.shown()
    is_ok = status["reason"] is None and all(one["ok"] for one in status["sources"])
    return is_ok and tuple(coin["venues"]) == BOTH


def goes_on(product: Product, *venues: str, reason: str | None = None) -> None:
    """Wait until prices are of *venues*, live and for such a *reason*, for some ticks."""

    def is_so() -> bool:
        status, coin = product.shown()
        told = status["reason"]
        is_reason = told is None if reason is None else reason in (told or "")
        return status["state"] == "live" and is_reason and tuple(coin["venues"]) == venues

    wait_for(is_so, 30, f"prices of {venues} and {reason}")
    number = len(product.committed())
    wait_for(lambda: len(product.committed()) >= number + TICKS, 30, "ticks")
    assert is_so(), product.shown()


def coingecko_is_busy(product: Product) -> None:
    """Let CoinGecko answer 429 and ask for a pause."""
    product.gecko.answer(429, {}, {"Retry-After": "3"})
    goes_on(
        product,
        *BOTH,
        reason="slow down; meanwhile prices come from Kraken and Bitstamp",
    )
    product.gecko.recover()


def ten_times(product: Product) -> None:
    """Let Kraken say ten times the price."""
    assert product.exchanges
    product.exchanges.off["kraken"] *= 10
    goes_on(product, "bitstamp")
    product.exchanges.off["kraken"] /= 10


def busy_and_ten_times(product: Product) -> None:
    """Let CoinGecko answer 429 while Kraken says ten times the price: one alone is left."""
    assert product.exchanges
    product.exchanges.off["kraken"] *= 10
    product.gecko.answer(429, {}, {"Retry-After": "3"})
    goes_on(product, "bitstamp", reason="CoinGecko asks us to slow down; meanwhile prices come")
    product.gecko.recover()
    product.exchanges.off["kraken"] /= 10


def hang(product: Product) -> None:
    """Let Kraken take requests and not answer."""
    assert product.exchanges
    product.exchanges.scripts["kraken"] = None
    goes_on(product, "bitstamp")
    product.exchanges.scripts.clear()


def reset(product: Product) -> None:
    """Let both exchanges reset each connection."""
    assert product.exchanges
    product.exchanges.scripts.update(dict.fromkeys(BOTH, "reset"))
    goes_on(product, reason="No exchange answers")
    product.exchanges.scripts.clear()


def fail_all(product: Product) -> None:
    """Let both exchanges and CoinGecko fail, until prices are stale."""
    assert product.exchanges
    product.exchanges.scripts.update(dict.fromkeys(BOTH, DOWN))
    product.gecko.answer(500, {"error": "internal"})
    wait_for(lambda: product.shown()[0]["state"] == "stale", 30, "stale prices")
    assert "CoinGecko" in product.shown()[0]["reason"]
    product.exchanges.scripts.clear()
    product.gecko.recover()


def refuse(product: Product) -> None:
    """Let Bitstamp not serve this country; it is left alone for some minutes."""
    assert product.exchanges
    product.exchanges.scripts["bitstamp"] = (451, {"msg": "restricted location"}, {})
    goes_on(product, "kraken")
    status, _ = product.shown()
    (bitstamp,) = (one for one in status["sources"] if one["name"] == "bitstamp")
    assert "451" in bitstamp["reason"]
    product.exchanges.scripts.clear()


FAULTS = (
    Fault(
        "exchanges: CoinGecko answers 429",
        coingecko_is_busy,
        "prices go on from the exchanges, and the reason is told",
    ),
    Fault("exchanges: one ten times too high", ten_times, NOTHING),
    Fault(
        "exchanges: one ten times too high, and CoinGecko answers 429",
        busy_and_ten_times,
        "prices go on from the other one, and the reason is told",
    ),
    Fault("exchanges: one hangs", hang, "ticks come up to two seconds later"),
    Fault(
        "exchanges: both reset", reset, "prices come at CoinGecko's pace, and the reason is told"
    ),
    Fault("exchanges: both fail, and CoinGecko", fail_all, REASON, 20),
    Fault("exchanges: one refuses, 451", refuse, NOTHING),
)
"""The last one leaves an exchange out."""
