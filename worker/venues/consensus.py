"""One price of several: which venues are believed, and what a quote becomes by them.

A wrong price is worse than an old one. The *reference* is the last price that is
trusted: CoinGecko's, or while CoinGecko fails the last one shown. A venue alone is
believed within 5 % of it; two or more that agree with each other, and are more than
those near it, within 25 %. The price is the median of those that are believed; without
one it stays the reference.

Nothing here does I/O or keeps state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

from tracker.market.quotes import Quote, by_symbol
from worker.venues.base import Trade

ALONE = Decimal("0.05")
"""How far from the reference one venue alone is believed."""
TOGETHER = Decimal("0.25")
"""How far from the reference venues that agree are believed."""
AGREE = Decimal("0.01")
"""How far from each other's median venues agree."""
YOUNG_MS = 120_000
"""The age up to which a trade says what a coin costs now."""
DIGITS = 7
"""Significant digits of a median: cents of a bitcoin. CoinGecko sends about six."""

Factors = Mapping[tuple[str, str], Decimal]
"""By venue and currency: what its prices in that currency are multiplied by."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The *price* that *venues* agree on, None if there is none; and the venues not believed."""

    price: Decimal | None
    venues: tuple[str, ...] = ()
    disbelieved: tuple[str, ...] = ()


def judge(reference: Decimal, prices: Mapping[str, Decimal]) -> Verdict:
    """Return the price that the venues' *prices* of one coin make, and whose they are."""
    near = {name for name, price in prices.items() if _within(price, reference, ALONE)}
    far = {
        name: price
        for name, price in prices.items()
        if name not in near and _within(price, reference, TOGETHER)
    }
    middle = median(far.values()) if far else Decimal(0)
    agreeing = {name for name, price in far.items() if _within(price, middle, AGREE)}
    believed = agreeing if len(agreeing) > max(1, len(near)) else near
    if not believed:
        return Verdict(None, disbelieved=tuple(sorted(prices)))
    price = _rounded(median(prices[name] for name in believed))
    return Verdict(price, tuple(sorted(believed)), tuple(sorted(prices.keys() - believed)))


def young(trades: Iterable[Trade], now: int) -> list[Trade]:
    """Return those of *trades* that say what a coin costs *now*, in unix milliseconds."""
    return [trade for trade in trades if trade.at is None or now - trade.at <= YOUNG_MS]


def factors(
    quotes: Sequence[Quote], trades: Mapping[str, Iterable[Trade]], currency: str
) -> dict[tuple[str, str], Decimal]:
    """Return what turns each venue's prices in other currencies into *currency*.

    It is the median ratio of the *quotes* to the venue's prices at the same time, so
    no exchange rate is needed, and USDT is not taken for a dollar.
    """
    prices = {symbol: quote.price for symbol, quote in by_symbol(quotes).items()}
    ratios: dict[tuple[str, str], list[Decimal]] = {}
    for venue, own in trades.items():
        for trade in own:
            if trade.currency != currency.upper() and trade.symbol in prices:
                ratio = prices[trade.symbol] / trade.price
                ratios.setdefault((venue, trade.currency), []).append(ratio)
    return {key: median(found) for key, found in ratios.items()}


def verdicts(
    quotes: Sequence[Quote],
    trades: Mapping[str, Iterable[Trade]],
    *,
    currency: str,
    factors: Factors,
) -> dict[str, Verdict]:
    """Return the verdict on each coin that a venue has a trade of, by coin id.

    A coin in which prices are told costs one of itself, whatever the venues say.
    """
    coins = by_symbol(quotes)
    prices: dict[str, dict[str, Decimal]] = {}
    for venue, own in trades.items():
        native = {trade.symbol for trade in own if trade.currency == currency.upper()}
        for trade in own:
            quote = coins.get(trade.symbol) if trade.symbol != currency.upper() else None
            is_native = trade.currency == currency.upper()
            factor = Decimal(1) if is_native else factors.get((venue, trade.currency))
            if quote is None or factor is None or (trade.symbol in native and not is_native):
                continue
            prices.setdefault(quote.id, {})[venue] = trade.price * factor
    references = {quote.id: quote.price for quote in quotes}
    return {coin: judge(references[coin], own) for coin, own in prices.items()}


def repriced(quote: Quote, verdict: Verdict, at: int) -> Quote:
    """Return *quote* at the *verdict*'s price, traded *at*: what depends on the price follows."""
    if verdict.price is None:
        return quote
    moved = verdict.price / quote.price
    return replace(
        quote,
        price=verdict.price,
        venues=verdict.venues,
        change_1h=_changed(quote.change_1h, moved),
        change_24h=_changed(quote.change_24h, moved),
        change_7d=_changed(quote.change_7d, moved),
        market_cap=None if quote.market_cap is None else Decimal(round(quote.market_cap * moved)),
        high_24h=None if quote.high_24h is None else max(quote.high_24h, verdict.price),
        low_24h=None if quote.low_24h is None else min(quote.low_24h, verdict.price),
        updated_at=at,
    )


def _within(price: Decimal, middle: Decimal, part: Decimal) -> bool:
    return abs(price - middle) <= middle * part


def _changed(percent: Decimal | None, moved: Decimal) -> Decimal | None:
    return None if percent is None else round((100 + percent) * moved - 100, 5)


def _rounded(price: Decimal) -> Decimal:
    """Return *price* with `DIGITS` significant digits, and no zeros or exponent after them."""
    short = round(price, DIGITS - 1 - price.adjusted()).normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short
