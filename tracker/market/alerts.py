"""Rules of alerts, and when they fire: once per crossing, whatever happens between two ticks.

A rule is armed until it fires, and armed again when the value has come back over its limit
by a margin, so that a price that hovers there fires once. What is not known is no crossing:
without a coin, a rate or a change in percent a rule stays as it is, and the next value is
compared with the last one that was known. A tick that is late, or that jumps far over the
limit, fires once, with what it says.

Times are unix milliseconds. Nothing here does I/O; `tracker.text.alerts` has the words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Literal, NamedTuple, get_args

from tracker.errors import RateError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Quote, Tick
from tracker.market.rates import Rates, unit
from tracker.times import MINUTE_MS

Kind = Literal["above", "below", "rises", "falls", "moves", "stale", "live"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_PRICES, OF_CHANGES, OF_FRESHNESS = KINDS[:2], KINDS[2:5], KINDS[5:]
Window = Literal["1h", "24h"]
WINDOWS: tuple[Window, ...] = get_args(Window)

PRICE_MARGIN, CHANGE_MARGIN = Decimal("0.5"), Decimal(10)
"""Margins where none is given, in percent of the limit."""
MAX_MARGIN = Decimal(50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is watched, and how it stands.

    *limit* is a price in *currency*, percent, or minutes; *margin* is in percent of it.
    *armed* is None until the first judgement, which never fires.
    """

    id: int = 0
    kind: Kind
    coin: str = ""
    currency: str = ""
    limit: Decimal = Decimal(0)
    window: Window = "24h"
    margin: Decimal = Decimal(0)
    once: bool = False
    note: str = ""
    paused: bool = False
    expires_at: int | None = None
    armed: bool | None = None
    fired_at: int | None = None

    @property
    def is_spent(self) -> bool:
        """Whether it was to fire once, and has."""
        return self.once and self.fired_at is not None

    @property
    def is_sound(self) -> bool:
        """Whether it can be judged: what a database holds may be anything."""
        numbers = (self.limit, self.margin)
        is_of_kind = self.kind in KINDS and (bool(self.coin) or self.kind in OF_FRESHNESS)
        return is_of_kind and all(isinstance(one, Decimal) and one.is_finite() for one in numbers)

    def is_active(self, now: int) -> bool:
        """Return whether it is judged *now*."""
        is_over = self.expires_at is not None and self.expires_at <= now
        return not (self.paused or self.is_spent or is_over)


class Firing(NamedTuple):
    """A *rule* that fired, as it is since, and what it saw: a coin's *quote*, or none.

    *value* is the price in the rule's currency, the change in percent, or the minutes.
    """

    rule: Rule
    at: int
    quote: Quote | None
    value: Decimal


@dataclass(frozen=True)
class Situation:
    """What rules are judged by *at* a time: a *tick*, if there is a new one, and its *rates*.

    Prices are live until *stale_after* milliseconds after *state* says that they were renewed.
    """

    at: int
    tick: Tick | None
    rates: Rates | None
    state: SourceState
    stale_after: int
    _worths: dict[str, Decimal | None] = field(default_factory=dict)

    @cached_property
    def quotes(self) -> Mapping[str, Quote]:
        """The tick's quotes by coin."""
        return {quote.id: quote for quote in self.tick.quotes} if self.tick else {}

    def value(self, rule: Rule) -> Decimal | None:
        """Return what the *rule* compares with its limit, in the limit's unit; None if unknown."""
        if rule.kind in OF_FRESHNESS:
            overdue_ms = self._overdue_ms
            return None if overdue_ms is None else Decimal(overdue_ms) / MINUTE_MS
        if (quote := self.quotes.get(rule.coin)) is None:
            return None
        if rule.kind in OF_CHANGES:
            return quote.change_1h if rule.window == "1h" else quote.change_24h
        worth = self.worth(rule.currency)
        if worth is None:
            return None
        return quote.price if worth == 1 else quote.price / worth

    def worth(self, currency: str) -> Decimal | None:
        """Return what one unit of *currency* is worth in the tick's; None if there is no rate."""
        if currency not in self._worths:
            usable = self.rates if self.rates and self.rates.is_usable(self.at) else None
            try:
                assert self.tick
                its = unit(currency, self.tick.currency, self.tick, usable)
                self._worths[currency] = its.worth
            except RateError:
                self._worths[currency] = None
        return self._worths[currency]

    @cached_property
    def _overdue_ms(self) -> int | None:
        """How long prices have been stale; zero or less while they are live."""
        if self.state.fresh_at is not None:
            return self.at - self.state.fresh_at - self.stale_after
        since = self.state.failing_since
        return None if since is None else max(1, self.at - since)


class Judgement(NamedTuple):
    """The rules that are others now, and those of them that fired."""

    changed: list[Rule]
    firings: list[Firing]


def judge(rules: Iterable[Rule], situation: Situation) -> Judgement:
    """Return what *situation* changes in *rules*. To be called with each tick once, in order."""
    found = Judgement([], [])
    for rule in rules:
        if not rule.is_active(situation.at) or (value := situation.value(rule)) is None:
            continue
        if rule.armed is False:
            if _has_come_back(rule, value):
                found.changed.append(replace(rule, armed=True))
        elif _is_met(rule, value):
            if rule.armed is None:
                found.changed.append(replace(rule, armed=False))
                continue
            fired = replace(rule, armed=False, fired_at=situation.at)
            found.changed.append(fired)
            quote = situation.quotes.get(rule.coin)
            found.firings.append(Firing(fired, situation.at, quote, value))
        elif rule.armed is None:
            found.changed.append(replace(rule, armed=True))
    return found


def distance(rule: Rule, situation: Situation) -> Decimal | None:
    """Return by how many percent a price, or percentage points a change, misses the limit."""
    value = situation.value(rule)
    if value is None or rule.kind in OF_FRESHNESS:
        return None
    if rule.kind in OF_CHANGES:
        return max(Decimal(0), rule.limit - _signed(rule, value))
    return abs(rule.limit - value) / value * 100 if value else None


def _is_met(rule: Rule, value: Decimal) -> bool:
    match rule.kind:
        case "above":
            return value > rule.limit
        case "below":
            return value < rule.limit
        case "stale":
            return value > 0 and value >= rule.limit
        case "live":
            return value <= 0
        case _:
            return _signed(rule, value) > rule.limit


def _has_come_back(rule: Rule, value: Decimal) -> bool:
    match rule.kind:
        case "above":
            return value <= rule.limit * (1 - rule.margin / 100)
        case "below":
            return value >= rule.limit * (1 + rule.margin / 100)
        case "stale":
            return value <= 0
        case "live":
            return value > 0
        case _:
            return _signed(rule, value) <= rule.limit * (1 - rule.margin / 100)


def _signed(rule: Rule, change: Decimal) -> Decimal:
    """Return the *change* in the direction that the *rule* watches."""
    if rule.kind == "moves":
        return abs(change)
    return change if rule.kind == "rises" else -change
