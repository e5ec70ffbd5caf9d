"""The ten coins of the simulated market and its exchange rates: round, plausible figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin: its mean price in US dollars, and how it moves.

    `volatility` is against bitcoin's, `turnover` the share of the market cap
    that is traded in a day. A `stable` coin's price has four decimals.
    """

    id: str
    symbol: str
    name: str
    price: float
    supply: int
    volatility: float
    turnover: float
    stable: bool = False


COINS = (
    Coin("bitcoin", "btc", "Bitcoin", 97_000, 19_950_000, 1.0, 0.025),
    Coin("ethereum", "eth", "Ethereum", 3_400, 120_700_000, 1.25, 0.06),
    Coin("tether", "usdt", "Tether", 1.0, 184_000_000_000, 0.003, 0.6, stable=True),
    Coin("ripple", "xrp", "XRP", 2.2, 60_000_000_000, 1.4, 0.035),
    Coin("binancecoin", "bnb", "BNB", 930.0, 137_700_000, 1.0, 0.015),
    Coin("solana", "sol", "Solana", 142.0, 560_000_000, 1.5, 0.06),
    Coin("usd-coin", "usdc", "USDC", 1.0, 75_000_000_000, 0.002, 0.2, stable=True),
    Coin("dogecoin", "doge", "Dogecoin", 0.16, 152_000_000_000, 1.7, 0.07),
    Coin("tron", "trx", "TRON", 0.28, 94_700_000_000, 0.8, 0.03),
    Coin("cardano", "ada", "Cardano", 0.62, 36_500_000_000, 1.5, 0.04),
)
"""Bitcoin must be the first: prices in `btc` are computed from it."""

RATES: dict[str, float | None] = {
    "usd": 1.0, "eur": 0.92, "gbp": 0.79, "jpy": 151.0, "chf": 0.88, "cad": 1.37,
    "aud": 1.52, "cny": 7.2, "inr": 84.0, "krw": 1360.0, "brl": 5.4, "btc": None,
}  # fmt: skip
"""What one US dollar is worth in each currency; None for bitcoin, whose price moves."""
