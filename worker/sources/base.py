"""What one fetch brings, whichever the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tracker.market.quotes import Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The quotes of now, in the source's order, and what came with them.

    `etag` is what the source calls this answer: give it to the next fetch.
    `weeks`, if asked for, has the hourly prices of the week before by coin id,
    oldest first and the last of them about now; None is an hour without one.
    """

    quotes: list[Quote]
    etag: str | None = None
    weeks: dict[str, list[Decimal | None]] = field(default_factory=dict)
