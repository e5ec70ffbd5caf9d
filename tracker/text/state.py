"""How fresh the prices are, in words: what stands above every text for a terminal."""

from collections.abc import Iterator

from tracker.market.freshness import Status
from tracker.market.quotes import Tick
from tracker.text import formats
from tracker.text.cells import Style, clean, painted, wrapped

_MARKS: dict[str, tuple[str, Style]] = {
    "live": ("● Live", "up"),
    "stale": ("● Stale", "warn"),
    "offline": ("● Offline", "down"),
    "starting": ("● Starting", "warn"),
}


def lines(
    tick: Tick | None, status: Status, *, now: int, width: int, color: bool, note: str = ""
) -> Iterator[str]:
    """Yield the state, and what is wrong and when it is tried again, in lines of *width* columns.

    *note* is one sentence more, about a rate for example. *now* is in unix milliseconds.
    """
    mark, style = _MARKS[status.state]
    first, *rest = wrapped(f"{mark}{_about(tick, status, now)}", width)
    if first.startswith(mark):
        yield painted(mark, style, color) + first[len(mark) :]
    else:
        yield first
    yield from rest
    for sentence in (_what_fails(status, now), _rate(tick, now), note):
        yield from (painted(line, "dim", color) for line in wrapped(sentence, width))


def credit(tick: Tick | None) -> list[str]:
    """Return whom the source wants to be named, for the hint."""
    is_coingecko = tick is not None and tick.source == "coingecko"
    return ["Data provided by CoinGecko (coingecko.com)"] if is_coingecko else []


def _about(tick: Tick | None, status: Status, now: int) -> str:
    """Return whose prices these are, and how old."""
    if tick is None:
        return (
            ": the first prices are on their way" if status.state == "starting" else ": no prices"
        )
    at = f"{formats.utc_clock(tick.id)}, {formats.ago(now - tick.id)}"
    return (
        f" · {formats.source_name(clean(tick.source))} · prices in {tick.currency.upper()} · {at}"
    )


def _what_fails(status: Status, now: int) -> str:
    """Return the reason, if there is one, and when the source is asked again."""
    if not status.reason:
        return ""
    sentence = clean(status.reason).rstrip(".")
    return f"{sentence[:1].upper()}{sentence[1:]}.{_next_attempt(status, now)}"


def _rate(tick: Tick | None, now: int) -> str:
    """Return the rate that the prices were converted at, and how old it is."""
    if tick is None or tick.converted is None:
        return ""
    of, rate, at = tick.converted
    one = f"1 {of.upper()} = {formats.plain(rate)} {tick.currency.upper()}"
    age = formats.ago(now - at)
    return f"Converted at {one} ({age}); changes are those in {of.upper()}."


def _next_attempt(status: Status, now: int) -> str:
    if status.next_attempt_at is None or status.source_answers:
        return ""
    seconds = (status.next_attempt_at - now) // 1000
    if seconds <= 0:
        return " Next attempt: now."
    return f" Next attempt in {f'{seconds} s' if seconds < 120 else f'{seconds // 60} min.'}."
