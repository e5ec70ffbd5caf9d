"""Alerts in plain English: a rule, how it stands, what it says when it fires, and a message.

All of it is plain text: lines without control characters, whatever names and notes hold.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from tracker.market.alerts import OF_CHANGES, OF_PRICES, Firing, Rule
from tracker.text.formats import exact, percent, price

MAX_NOTE = 200
MAX_TITLE = 120
MAX_BODY = 4000
"""Characters of a message: Telegram takes 4,096, ntfy 4,096 bytes before it makes a file of it."""
_UNARMED = {
    "stale": "prices are stale; armed again when they are live",
    "live": "armed when prices are stale",
}
_WINDOWS = {"1h": "1 hour", "24h": "24 hours"}


class Event(NamedTuple):
    """What is told: *text* is one sentence. *id* is its number; its rule and coin may be none."""

    id: int
    at: int
    text: str
    note: str = ""
    coin: str = ""


class Text(NamedTuple):
    """A message."""

    title: str
    body: str


def one_line(text: str, most: int = MAX_NOTE) -> str:
    """Return *text* as one line of at most *most* characters that print."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def description(rule: Rule, name: str = "") -> str:
    """Return what the *rule* watches: `bitcoin above 100,000 USD`; *name* is the coin's."""
    coin = one_line(name or rule.coin, 60)
    if rule.kind in OF_PRICES:
        return f"{coin} {rule.kind} {exact(rule.limit, rule.currency)}"
    if rule.kind in OF_CHANGES:
        return f"{coin} {rule.kind} more than {rule.limit:f} % in {_WINDOWS[rule.window]}"
    if rule.kind == "live":
        return "prices are live again"
    return f"prices are stale{f' for {_minutes(rule.limit)}' if rule.limit else ''}"


def standing(rule: Rule, now: int, distance: Decimal | None = None) -> str:
    """Return how the *rule* stands: `armed; 4.20 % away`. *distance* is `market.alerts`' own."""
    if rule.is_spent:
        return "done"
    if rule.paused:
        return "paused"
    if rule.expires_at is not None and rule.expires_at <= now:
        return "expired"
    if rule.armed is None:
        return "waits for a first price"
    if rule.armed is False:
        return _UNARMED.get(rule.kind, "beyond its limit; armed again when it has come back")
    away = "percentage points" if rule.kind in OF_CHANGES else "%"
    return "armed" if distance is None else f"armed; {distance:.2f} {away} away"


def sentence(firing: Firing) -> str:
    """Return what a *firing* says."""
    rule, _, quote, value = firing
    if quote is None:
        if rule.kind == "live":
            return "Prices are live again."
        late = f" for {_minutes(rule.limit)}" if rule.limit else ""
        return f"Prices are stale{late}: there are no new ones."
    name = one_line(quote.name, 60)
    if rule.kind in OF_PRICES:
        verb = "rose above" if rule.kind == "above" else "fell below"
        now = price(value, rule.currency)
        return _plain(f"{name} {verb} {exact(rule.limit, rule.currency)}: it is {now}.")
    change = percent(value)
    verb = "rose" if value > 0 else "fell"
    size = change.lstrip("+-")
    return f"{name} {verb} by {size} in {_WINDOWS[rule.window]} (limit {rule.limit:f} %)."


def message(events: Sequence[Event], url: str | None = None, most: int = MAX_BODY) -> Text:
    """Return one message about all *events*, at least one; *url* is the page's, for links.

    The body has at most *most* characters: of a storm, as many lines as fit, and how many more.
    """
    most = min(most, MAX_BODY)
    if len(events) == 1:
        event = events[0]
        title = one_line(event.text, MAX_TITLE)
        rest = event.text if title != event.text else ""
        facts = [rest, event.note, utc(event.at), _link(event, url), f"Alert no. {event.id}"]
        return Text(title, _joined(*facts)[:most])
    numbers = _numbers([event.id for event in events])
    title = one_line(f"{len(events)} alerts: {events[0].text}", MAX_TITLE)
    foot = _joined(f"{url}/cryptos/" if url else "", f"Alerts no. {numbers}")
    lines: list[str] = []
    left = most - len(foot) - 30
    for event in events:
        note = f" ({event.note})" if event.note else ""
        line = f"{utc(event.at)}: {event.text}{note}"
        if len(line) + 1 > left:
            lines.append(f"… and {len(events) - len(lines)} more")
            break
        lines.append(line)
        left -= len(line) + 1
    return Text(title, _joined(*lines, foot)[:most])


def utc(ms: int) -> str:
    """Return unix milliseconds as `2026-11-25 14:02:07 UTC`."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _link(event: Event, url: str | None) -> str:
    return f"{url}/cryptos/{event.coin}" if url else ""


def _minutes(number: Decimal) -> str:
    return "a minute" if number == 1 else f"{number:f} minutes"


def _numbers(ids: Sequence[int]) -> str:
    """Return *ids*, which rise, with runs shortened: `3, 7-9`."""
    runs: list[list[int]] = []
    for id in ids:
        if runs and id == runs[-1][1] + 1:
            runs[-1][1] = id
        else:
            runs.append([id, id])
    return ", ".join(str(one) if one == last else f"{one}-{last}" for one, last in runs)


def _joined(*lines: str) -> str:
    return "\n".join(filter(None, lines))


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")
