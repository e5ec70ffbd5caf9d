"""Rules as people write them: `bitcoin above 100000 eur`, `btc falls 5% in 1h`, `stale 10 minutes`.

Every error says what is accepted. Nothing here does I/O.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from tracker.errors import RateError, RuleError
from tracker.market.alerts import (
    CHANGE_MARGIN,
    KINDS,
    MAX_MARGIN,
    OF_CHANGES,
    OF_FRESHNESS,
    OF_PRICES,
    PRICE_MARGIN,
    WINDOWS,
    Rule,
    Window,
)
from tracker.market.quotes import Quote, Tick, by_symbol
from tracker.market.rates import Rates, unit
from tracker.market.suggestions import suggest
from tracker.times import DAY_MS, HOUR_MS, MINUTE_MS, unix_ms

ACCEPTED = (
    "COIN above|below PRICE [CURRENCY], COIN rises|falls|moves PERCENT [in 1h|24h], "
    "stale [MINUTES], or live"
)
MAX_PERCENT = 1000
MAX_MINUTES = 7 * 24 * 60
MAX_EXPONENT = 20
"""Powers of ten beyond which no price is taken."""
MAX_SHOWN = 12
"""Names that an error lists."""
_FILLERS = {"for", "in", "within", "by", "more", "than", "minutes", "minute", "min", "%", "percent"}
W = TypeVar("W", bound=str)
_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


def rule_of_words(words: Sequence[str], tick: Tick | None, rates: Rates | None) -> Rule:
    """Return the rule that *words* say, of a coin of *tick*. Raises `RuleError`."""
    said = [word for word in " ".join(words).lower().split() if word not in _FILLERS]
    if said and said[0] in OF_FRESHNESS and len(said) <= 2:
        return rule(kind=said[0], limit=said[1] if len(said) > 1 else "", tick=tick, rates=rates)
    if len(said) in (3, 4) and said[1] in (*OF_PRICES, *OF_CHANGES):
        last = said[3] if len(said) == 4 else ""
        is_price = said[1] in OF_PRICES
        return rule(
            kind=said[1],
            coin=said[0],
            limit=said[2],
            currency=last if is_price else "",
            window="" if is_price else last,
            tick=tick,
            rates=rates,
        )
    raise RuleError(f"{' '.join(words)!r} is no rule; accepted: {ACCEPTED}")


def rule(
    *,
    kind: str,
    coin: str = "",
    limit: str = "",
    currency: str = "",
    window: str = "",
    tick: Tick | None,
    rates: Rates | None,
) -> Rule:
    """Return the rule that these texts say; the tick's currency where none is. Raises `RuleError`.

    A price's limit is without its sign or code; `5%` is 5.
    """
    its_kind = _one_of(kind, KINDS, "rule", "kind")
    if its_kind in OF_FRESHNESS:
        limited = _number(limit or "0", "minutes", least=0, most=MAX_MINUTES)
        if its_kind == "live" and limited:
            raise RuleError("live takes no number; accepted: live", "limit")
        return Rule(kind=its_kind, limit=limited)
    if tick is None:
        raise RuleError(
            "there are no prices yet, so no coin is known: start the tracker first, and give this "
            "the same TRACKER_SOURCE, TRACKER_CURRENCY and DATABASE_URL (make demo has "
            "TRACKER_SOURCE=simulated)",
            "coin",
        )
    its_coin = _coin(coin, tick).id
    if its_kind in OF_CHANGES:
        its_window: Window = _one_of(window or "24h", WINDOWS, "time", "window")
        percent = _number(limit.removesuffix("%"), "percent", most=MAX_PERCENT)
        return Rule(
            kind=its_kind, coin=its_coin, limit=percent, window=its_window, margin=CHANGE_MARGIN
        )
    its_currency = _currency(currency or tick.currency, tick, rates)
    amount = _number(limit, f"a price in {its_currency}")
    return Rule(
        kind=its_kind, coin=its_coin, currency=its_currency, limit=amount, margin=PRICE_MARGIN
    )


def margin(text: str) -> Decimal:
    """Return the margin in *text*, in percent of the limit. Raises `RuleError`."""
    what = "the margin, percent"
    return _number(text.removesuffix("%"), what, least=0, most=int(MAX_MARGIN), field="margin")


def expiry(text: str, now: int) -> int:
    """Return when a rule ends that lives for `12h` or `7d`, or until `2026-12-24`, in unix ms.

    Raises `RuleError`.
    """
    if found := re.fullmatch(r"([0-9]{1,5})([mhd])", text.strip().lower()):
        at = now + int(found[1]) * _UNITS[found[2]]
    else:
        try:
            day = re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip())
            at = unix_ms(f"{text.strip()}T00:00:00Z" if day else text.strip())
        except (ValueError, OverflowError):
            at = 0
    if at <= now:
        raise RuleError(
            f"{text!r} is no time to come; accepted: 30m, 12h, 7d, "
            "2026-12-24 or 2026-12-24T18:00:00Z (UTC)",
            "expires_at",
        )
    return at


def _coin(name: str, tick: Tick) -> Quote:
    quotes = {quote.id: quote for quote in tick.quotes}
    symbols = by_symbol(tick.quotes)
    if found := quotes.get(name.lower()) or symbols.get(name.upper()):
        return found
    likely = [quote.id for quote in suggest(name, tick.quotes)]
    hint = f": did you mean {' or '.join(likely)}?" if likely else ""
    names = [f"{quote.id} ({quote.symbol.lower()})" for quote in tick.quotes]
    raise RuleError(f"{name!r} is no coin that is followed{hint}; accepted: {_some(names)}", "coin")


def _currency(code: str, tick: Tick, rates: Rates | None) -> str:
    try:
        return unit(code, tick.currency, tick, rates).code
    except RateError as error:
        known = [tick.currency, *(rates.rates if rates else ())]
        names = list(dict.fromkeys(known))
        accepted = f"{_some(names)}, or a coin's symbol"
        raise RuleError(f"{error}; accepted: {accepted}", "currency") from error


def _number(
    text: str,
    what: str,
    *,
    least: int | None = None,
    most: int | None = None,
    field: str = "limit",
) -> Decimal:
    """Return the number in *text*: positive, or from *least*, to *most*."""
    plain = text.strip().replace(",", "").replace("_", "").lstrip("$€£")
    try:
        value = Decimal(plain) if re.fullmatch(r"[0-9.]{1,40}", plain) else Decimal(-1)
    except InvalidOperation:
        value = Decimal(-1)
    is_low = value <= 0 if least is None else value < least
    if is_low or (most is not None and value > most) or not _is_sane(value):
        begin = "a number above 0" if least is None else f"a number from {least}"
        end = "" if most is None else f" {'up ' if least is None else ''}to {most}"
        raise RuleError(
            f"{text!r} is not accepted as {what}; accepted: {begin}{end}, as 1234.5", field
        )
    return value


def _is_sane(value: Decimal) -> bool:
    return not value or abs(value.adjusted()) <= MAX_EXPONENT


def _one_of(text: str, words: tuple[W, ...], what: str, field: str) -> W:
    for word in words:
        if word == text.lower():
            return word
    raise RuleError(f"{text!r} is no {what}; accepted: {', '.join(words)}", field)


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_SHOWN
    return ", ".join(names[:MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")
