"""How fresh the prices are, and why: what readers are told.

`Health` is what the worker wrote down of the source, `Status` what follows from
it at one moment. All times are unix milliseconds.

    starting    nothing has come yet and nothing has failed
    live        the newest prices are at most three intervals old
    stale       they are older; the last good ones stay
    offline     there are none to show, and the source (or the database) fails

A failure shows as the *reason* from its first moment, also while still live.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import simplejson

from tracker.errors import MessageError
from tracker.times import checked_ms, iso

State = Literal["starting", "live", "stale", "offline"]

STALE_AFTER = 3
"""Intervals after which prices count as stale."""
MAX_BAR = 3_600_000
"""Milliseconds that a source may ask for at most; anything beyond is a clock that stepped."""


def stale_after_ms(interval: int) -> int:
    """Return the age in ms at which prices of an *interval* in seconds are stale."""
    return STALE_AFTER * interval * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of the source: its last success, and its failure if it fails now.

    It is as of *attempted_at*, the begin of the last attempt. *failures* counts
    those since the last success; until *barred_until* the source itself asked
    not to be asked. *etag* is what it calls its last answer.
    """

    fresh_at: int | None = None
    fresh_since: int | None = None
    failing_since: int | None = None
    failures: int = 0
    reason: str | None = None
    attempted_at: int | None = None
    next_attempt_at: int | None = None
    barred_until: int | None = None
    etag: str | None = None

    def succeeded(
        self, at: int, *, next_attempt_at: int, stale_after: int, etag: str | None = None
    ) -> Self:
        """Return the health after an attempt *at* succeeded; *stale_after* is in milliseconds."""
        unbroken = self.fresh_at is not None and at - self.fresh_at <= stale_after
        return type(self)(
            fresh_at=at,
            fresh_since=self.fresh_since if unbroken else at,
            attempted_at=at,
            next_attempt_at=next_attempt_at,
            etag=etag,
        )

    def failed(
        self, at: int, reason: str, *, next_attempt_at: int, barred_until: int | None = None
    ) -> Self:
        """Return the health after an attempt *at* failed for *reason*."""
        return replace(
            self,
            failing_since=self.failing_since or at,
            failures=self.failures + 1,
            reason=reason,
            attempted_at=at,
            next_attempt_at=next_attempt_at,
            barred_until=barred_until,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the health as the feed carries it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, body: Any) -> Self:
        """Return the health that `to_dict` gave. Raises `MessageError`."""
        try:
            for name in body.keys() - {"reason", "etag", "failures"}:
                if body[name] is not None:
                    checked_ms(body[name])
            health = cls(**body)
        except (AttributeError, TypeError, ValueError) as error:
            raise MessageError(f"not a health: {error}") from error
        for text in (health.reason, health.etag):
            if not isinstance(text, str | None):
                raise MessageError(f"not a health: {text!r} is not a text")
        if not isinstance(health.failures, int):
            raise MessageError(f"not a health: {health.failures!r} is not a number of failures")
        return health


@dataclass(frozen=True, slots=True)
class Status:
    """What readers are told; *since* is when the state began."""

    state: State
    since: int | None = None
    reason: str | None = None
    next_attempt_at: int | None = None

    def is_news_after(self, before: Status) -> bool:
        """Return whether readers want to hear of it.

        While all is well, that there will be a next attempt is no news.
        """
        if self.reason is None and before.reason is None:
            return (self.state, self.since) != (before.state, before.since)
        return self != before

    def to_json(self) -> str:
        """Return the data of the `status` event, in ASCII, so that a header can hold it."""
        return simplejson.dumps(
            {
                "state": self.state,
                "since": _iso_or_none(self.since),
                "reason": self.reason,
                "next_attempt_at": _iso_or_none(self.next_attempt_at),
            },
        )


def status(health: Health, *, now: int, stale_after: int) -> Status:
    """Return the status at *now*; prices older than *stale_after* ms are stale."""
    state, since = _state(health, now, stale_after)
    if state == "stale" and health.reason is None:
        return Status(state, since, "no new prices have come: is the worker running?")
    return Status(state, since, health.reason, health.next_attempt_at)


def _state(health: Health, now: int, stale_after: int) -> tuple[State, int | None]:
    if health.fresh_at is None:
        if health.failing_since is None:
            return "starting", None
        return "offline", health.failing_since
    if now - health.fresh_at > stale_after:
        return "stale", health.fresh_at + stale_after
    return "live", health.fresh_since


def _iso_or_none(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def reason_to_skip(health: Health, now: int, interval: int) -> str | None:
    """Return why not to ask *now*: too soon after the last attempt, or the source asked not to.

    A worker that comes back finds a queue of refreshes, and one is enough.
    """
    if health.barred_until is not None and 0 < health.barred_until - now <= MAX_BAR:
        return f"the source asked to wait {(health.barred_until - now) / 1000:.0f} s more"
    if health.attempted_at is not None and abs(now - health.attempted_at) < interval / 2:
        return f"the last attempt was {now - health.attempted_at} ms ago"
    return None
