"""How fresh the prices are, and why: the source's state, and the status that follows from it.

`SourceState` is what the worker stored and published of the source. `Status` is what
readers are sent; it depends on the clock, so each web process derives it.
All times are unix milliseconds.

    starting    nothing has come yet and nothing has failed
    live        the newest prices are at most three of the source's intervals old
    stale       they are older, or are said to be by whoever gives them; the last good ones stay
    offline     there are none to show, and the source (or the database) fails

A failure shows as the *reason* from its first moment, also while still live.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

import simplejson

from tracker.errors import MessageError
from tracker.times import DAY_MS, checked_ms, iso

State = Literal["starting", "live", "stale", "offline"]

STALE_AFTER = 3
"""Intervals after which prices count as stale."""
FROZEN_AFTER_MS = 900_000
"""The age at which the newest of all prices is old, although the source answers with it: a source
is some minutes behind at times, and never for all coins as long."""
MAX_NAME = 40  # characters of a coin's name in a sentence
MAX_BAR_MS = 3_600_000
"""How long a source may ask to be left alone; anything beyond is a clock that stepped."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Whether the source or exchange *name* answers, since when, and if not, the *reason*.

    The reason does not repeat the name, which is shown beside it.
    The reason of one that answers is a warning: what is asked of it, and it does not have.
    """

    name: str
    ok: bool
    since: int | None = None
    reason: str | None = None

    @classmethod
    def from_dict(cls, body: Any) -> Self:
        """Return the health of which *body* is the dict. Raises `TypeError` or `ValueError`."""
        health = cls(**body)
        if health.since is not None:
            checked_ms(health.since)
        if not (
            isinstance(health.name, str)
            and isinstance(health.ok, bool)
            and isinstance(health.reason, str | None)
        ):
            raise TypeError(f"not a source's health: {health}")
        return health


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """The source's last success, and its failure if it fails now, as of *attempted_at*.

    *failures* counts those since the last success. The source asked for no
    request before *not_before*. *etag* names its last answer. Prices were renewed
    *fresh_at*, be it by an exchange; *sources* says how the source and each exchange does.
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
    sources: tuple[SourceHealth, ...] = ()

    @property
    def warning(self) -> str | None:
        """What the source warns of while it answers."""
        return self.sources[0].reason if self.sources and self.sources[0].ok else None

    def succeeded(
        self, at: int, *, next_attempt_at: int, stale_after: int, etag: str | None = None
    ) -> Self:
        """Return the state after an attempt *at* succeeded; *stale_after* is in milliseconds."""
        renewed = self.renewed(at, stale_after=stale_after)
        return type(self)(
            fresh_at=at,
            fresh_since=renewed.fresh_since,
            attempted_at=at,
            next_attempt_at=next_attempt_at,
            etag=etag,
            sources=self.sources,
        )

    def renewed(self, at: int, *, stale_after: int) -> Self:
        """Return the state after prices came from elsewhere *at*."""
        unbroken = self.fresh_at is not None and at - self.fresh_at <= stale_after
        since = min(self.fresh_since or at, at) if unbroken else at
        return replace(self, fresh_at=at, fresh_since=since)

    def failed(
        self, at: int, reason: str, *, next_attempt_at: int, not_before: int | None = None
    ) -> Self:
        """Return the state after an attempt *at* failed for *reason*."""
        return replace(
            self,
            failing_since=min(self.failing_since or at, at),
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
            values["sources"] = tuple(map(SourceHealth.from_dict, body.get("sources", ())))
            return cls(**values).checked()
        except (KeyError, TypeError, ValueError) as error:
            raise MessageError(f"not a state of the source: {error}") from error

    def checked(self) -> Self:
        """Return the state itself. Raises `MessageError` if a value is not what it must be."""
        try:
            for name in _TIMES:
                if (at := getattr(self, name)) is not None:
                    checked_ms(at)
        except ValueError as error:
            raise MessageError(f"not a state of the source: {error}") from error
        if not all(isinstance(getattr(self, name), kind) for name, kind in _KINDS.items()):
            raise MessageError(f"not a state of the source: {self}")
        return self


_KINDS = {"failures": int, "reason": str | None, "etag": str | None, "sources": tuple}
"""What those fields of a `SourceState` must be that are no times."""
_TIMES = tuple(field.name for field in fields(SourceState) if field.name not in _KINDS)


@dataclass(frozen=True, slots=True)
class Status:
    """What readers are told; *since* is when the state began.

    *top* is how many coins are followed by market cap, where that is known: readers that
    stay see the settings change. *heartbeat_s* is after how many seconds of silence the
    status is sent again.
    """

    state: State
    since: int | None = None
    reason: str | None = None
    next_attempt_at: int | None = None
    sources: tuple[SourceHealth, ...] = ()
    top: int | None = None
    heartbeat_s: int | None = None

    @property
    def source_answers(self) -> bool:
        """Whether nothing is wrong with the source, so that nobody waits for its next answer."""
        return self.reason is None or (
            self.state == "live" and any(one.ok for one in self.sources[:1])
        )

    def is_news_after(self, before: Status) -> bool:
        """Return whether readers want to hear of it.

        While the source answers, that there will be a next attempt is no news. Since when and
        why an exchange fails never is: two workers, who take turns, say it differently.
        """
        if self._gist() != before._gist():
            return True
        is_waited_for = not (self.source_answers and before.source_answers)
        return is_waited_for and self.next_attempt_at != before.next_attempt_at

    def to_json(self) -> str:
        """Return the data of the `status` event, in ASCII, so that a header can hold it."""
        body = asdict(self)
        for one in (body, *body["sources"]):
            for name in one.keys() & {"since", "next_attempt_at"}:
                one[name] = None if one[name] is None else iso(one[name])
        return simplejson.dumps(body)

    def _gist(self) -> tuple[object, ...]:
        return self.state, self.since, self.reason, [(one.name, one.ok) for one in self.sources]


Renewed = Sequence[tuple[str, int]]
"""Coins by name, and when the price of each was renewed, in unix milliseconds."""


def status(source: SourceState, *, now: int, stale_after: int, renewed: Renewed = ()) -> Status:
    """Return the status at *now*; prices older than *stale_after* ms are stale.

    *renewed* is what the newest tick says of its prices.
    """
    state: State
    if source.fresh_at is None:
        state = "starting" if source.failing_since is None else "offline"
        since = source.failing_since
    elif now - source.fresh_at <= stale_after:
        state, since = "live", source.fresh_since
        if why := frozen(renewed, now, stale_after):
            why = source.reason or why
            return Status("stale", source.fresh_at, why, source.next_attempt_at, source.sources)
    else:
        state, since = "stale", source.fresh_at + stale_after
        if source.reason is None:
            no_worker = "no new prices have come: is the worker running?"
            return Status(state, since, no_worker, sources=source.sources)
    worse = _what_is_worse(source, [one for one in renewed if now - one[1] > stale_after], now)
    reason = worse if state == "live" else source.reason
    return Status(state, since, reason, source.next_attempt_at, source.sources)


def frozen(renewed: Renewed, now: int, least: int = 0) -> str | None:
    """Return in a sentence that all prices are old *now*, if they are; *least* ms at least."""
    newest = max((at for _, at in renewed), default=now)
    if now - newest <= max(FROZEN_AFTER_MS, least):
        return None
    return f"The source answers, but its newest prices are from {_clock(newest, now)}"


def _what_is_worse(source: SourceState, old: Renewed, now: int) -> str | None:
    """Return in a sentence what a failure means for prices that are live, some of which are *old*.

    What an operator wants besides is in the source's health.
    """
    exchanges = source.sources[1:]
    answering = [one.name.capitalize() for one in exchanges if one.ok]
    if source.reason is None:
        if exchanges and not answering:
            return "No exchange answers: prices are CoinGecko's, which change less often"
        return source.warning
    if not answering:
        return source.reason
    *names, last = answering
    them = f"{', '.join(names)} and {last}" if names else last
    sentence = source.reason.partition(" (")[0]
    return (
        f"{sentence}; meanwhile prices come from {them}, and ranks and supplies stay as they were"
        + _which_are_old(old, now)
    )


def _which_are_old(old: Renewed, now: int) -> str:
    if not old:
        return ""
    name = "".join(filter(str.isprintable, old[0][0]))[:MAX_NAME]
    when = _clock(max(at for _, at in old), now)
    if len(old) == 1:
        return f"; the price of {name} is from {when}"
    return f"; prices of {name} and {len(old) - 1} more are from {when} or before"


def _clock(at: int, now: int) -> str:
    day = "%d %b, " if now - at >= DAY_MS else ""
    return f"{datetime.fromtimestamp(at // 1000, UTC):{day}%H:%M} UTC"


def reason_to_skip(source: SourceState, now: int, interval: int) -> str | None:
    """Return why the source must not be asked *now*, if it must not. *interval* is in milliseconds.

    A worker that comes back finds a queue of refreshes, and one is enough.
    """
    if source.not_before is not None and 0 < source.not_before - now <= MAX_BAR_MS:
        return f"the source asked to wait {(source.not_before - now) / 1000:.0f} s more"
    if source.attempted_at is not None and abs(now - source.attempted_at) < interval / 2:
        return f"the last attempt was {now - source.attempted_at} ms ago"
    return None


def is_due(source: SourceState, now: int, interval: int) -> bool:
    """Return whether the source's next attempt is due *now*, or within half an *interval* (ms).

    An attempt in the future is one of before the clock was set back.
    """
    if reason_to_skip(source, now, interval) is not None:
        return False
    if source.attempted_at is None or source.next_attempt_at is None or source.attempted_at > now:
        return True
    return source.next_attempt_at - now <= interval / 2
