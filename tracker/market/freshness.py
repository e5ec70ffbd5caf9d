"""How fresh the prices are, and why: the source's state, and the status that follows from it.

`SourceState` is what the worker stored and published of the source. `Status` is what
readers are sent; it depends on the clock, so each web process derives it.
All times are unix milliseconds.

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
MAX_BAR_MS = 3_600_000
"""How long a source may ask to be left alone; anything beyond is a clock that stepped."""


def stale_after_ms(interval: int) -> int:
    """Return the age in ms at which prices of an *interval* in seconds are stale."""
    return STALE_AFTER * interval * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """The source's last success, and its failure if it fails now, as of *attempted_at*.

    *failures* counts those since the last success. The source asked for no
    request before *not_before*. *etag* names its last answer.
    """

    fresh_at: int | None = None
    fresh_since: int | None = None
    failing_since: int | None = None
    failures: int = 0
    reason: str | None = None
    attempted_at: int | None = None
    next_attempt_at: int | None = None
    not_before: int | None = None
    etag: str | None = None

    def succeeded(
        self, at: int, *, next_attempt_at: int, stale_after: int, etag: str | None = None
    ) -> Self:
        """Return the state after an attempt *at* succeeded; *stale_after* is in milliseconds."""
        unbroken = self.fresh_at is not None and at - self.fresh_at <= stale_after
        return type(self)(
            fresh_at=at,
            fresh_since=self.fresh_since if unbroken else at,
            attempted_at=at,
            next_attempt_at=next_attempt_at,
            etag=etag,
        )

    def failed(
        self, at: int, reason: str, *, next_attempt_at: int, not_before: int | None = None
    ) -> Self:
        """Return the state after an attempt *at* failed for *reason*."""
        return replace(
            self,
            failing_since=self.failing_since or at,
            failures=self.failures + 1,
            reason=reason,
            attempted_at=at,
            next_attempt_at=next_attempt_at,
            not_before=not_before,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the state as messages carry it, under the names that older versions know."""
        body = asdict(self)
        body["barred_until"] = body.pop("not_before")
        return body

    @classmethod
    def from_dict(cls, body: Any) -> Self:
        """Return the state that `to_dict` gave. Raises `MessageError`."""
        try:
            values = {**body, "not_before": body["barred_until"]}
            del values["barred_until"]
            state = cls(**values)
            for name in values.keys() - _KINDS.keys():
                if values[name] is not None:
                    checked_ms(values[name])
        except (KeyError, TypeError, ValueError) as error:
            raise MessageError(f"not a state of the source: {error}") from error
        if not all(isinstance(getattr(state, name), kind) for name, kind in _KINDS.items()):
            raise MessageError(f"not a state of the source: {state}")
        return state


_KINDS = {"failures": int, "reason": str | None, "etag": str | None}
"""What those fields of a `SourceState` must be that are no times."""


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
        body = asdict(self)
        for name in ("since", "next_attempt_at"):
            if body[name] is not None:
                body[name] = iso(body[name])
        return simplejson.dumps(body)


def status(source: SourceState, *, now: int, stale_after: int) -> Status:
    """Return the status at *now*; prices older than *stale_after* ms are stale."""
    state: State
    if source.fresh_at is None:
        state = "starting" if source.failing_since is None else "offline"
        since = source.failing_since
    elif now - source.fresh_at <= stale_after:
        state, since = "live", source.fresh_since
    else:
        state, since = "stale", source.fresh_at + stale_after
        if source.reason is None:
            return Status(state, since, "no new prices have come: is the worker running?")
    return Status(state, since, source.reason, source.next_attempt_at)


def reason_to_skip(source: SourceState, now: int, interval: int) -> str | None:
    """Return why not to fetch *now*; None when it is time. *interval* is in milliseconds.

    A worker that comes back finds a queue of refreshes, and one is enough.
    """
    if source.not_before is not None and 0 < source.not_before - now <= MAX_BAR_MS:
        return f"the source asked to wait {(source.not_before - now) / 1000:.0f} s more"
    if source.attempted_at is not None and abs(now - source.attempted_at) < interval / 2:
        return f"the last attempt was {now - source.attempted_at} ms ago"
    return None
