"""What a source of prices is: an object with a name and `fetch`.

To add one: write a module or a folder here with a class that satisfies `FullSource`, return
it from `worker.sources.build`, and add its name to the values that `TRACKER_SOURCE` accepts
in `tracker.config`. A source asks its service with `worker.sources.http`, knows nothing of the
database, the feed or the schedule, raises `SourceError` when it has no prices to give,
and checks each value: a `Quote` is stored and shown as it is.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tracker.errors import SourceError
from tracker.market.quotes import Quote
from tracker.market.rates import Rates

MAX_REASON = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The current quotes, in the source's order, and what came with them.

    `etag` identifies this answer: pass it to the next fetch. `weeks`, if asked for, has the
    hourly prices of the last week by coin id, oldest first; None is an hour without a price.
    `without_price` are ids of coins that the source lists but has no price of now.
    `warning` says in a sentence which of the settings' coins are not among them.
    """

    quotes: list[Quote]
    etag: str | None = None
    weeks: dict[str, list[Decimal | None]] = field(default_factory=dict)
    without_price: frozenset[str] = frozenset()
    warning: str | None = None


def without_name(reason: str, name: str) -> str:
    """Return the *reason* of a failure without the *name* of the source that it begins with."""
    is_named = reason.lower().startswith(name.lower())
    return reason[len(name) :].removeprefix(":").lstrip() if is_named else reason


def failure_of_bug(name: str, error: BaseException) -> SourceError:
    """Return *error*, a bug in the source *name*, as a failure: it must not stop the others."""
    return SourceError(f"{name}: {error!r}"[:MAX_REASON])


class Source(Protocol):
    """Fetches the current quotes, and on request the prices of the last week.

    It is built once in a process, before jobs fork: warnings about the settings
    belong in its `__init__`, or each job would repeat them. `name` is the `source` of a tick.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return at least one quote, or None if nothing has changed since the answer *etag*.

        With *week* it never returns None. Raises `SourceError`.
        """
        ...


class RatesSource(Protocol):
    """Fetches what the settings' currency is worth in others."""

    def fetch_rates(self) -> Rates:
        """Return the current exchange rates. Raises `SourceError`."""
        ...


class FullSource(Source, RatesSource, Protocol):
    """What the tracker needs: quotes, and the rates to convert them by."""
