"""What a point is: one thing that a server of events has to do, and what became of it.

A point returns a `Verdict`; a server's misbehaviour is never an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from tests.conformance.wire import Event, Stream

Source = Literal["standard", "contract"]
Outcome = Literal["pass", "fail", "not seen"]


class Verdict(NamedTuple):
    """What became of a point, and what was seen."""

    outcome: Outcome
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the stream is, and how patient to be; all times in seconds."""

    url: str
    interval: float = 10.0
    """Within which a further tick comes."""
    heartbeat: float = 15.0
    """Silence after which a comment is due."""
    origin: str | None = None
    """An origin that may read the stream."""

    def open(self, query: str = "", *, method: str = "GET", **headers: str) -> Stream:
        """Ask for the stream, with *query* added to its address."""
        parts = urlsplit(self.url)
        whole = "&".join(filter(None, [parts.query, query]))
        url = parts._replace(query=whole).geturl()
        return Stream(url, method=method, timeout=self.interval + 5, **headers)

    def ticks(self, stream: Stream, count: int) -> list[Event]:
        """Read until *count* `prices` have come; return those there are."""
        stream.read_until(lambda said: len(said.of("prices")) >= count, self.interval * count)
        return stream.said.of("prices")


@dataclass(frozen=True, slots=True)
class Point:
    """One thing a server has to do."""

    name: str
    source: Source
    sentence: str
    check: Callable[[Server], Verdict]


Check = Callable[[Server], Verdict]


def adding_to(
    points: list[Point], source: Literal["standard", "contract"]
) -> Callable[[Check], Check]:
    """Return a decorator: a check's name is the point's, its docstring the sentence."""

    def add(check: Check) -> Check:
        sentence = (check.__doc__ or "").strip().splitlines()[0]
        points.append(Point(check.__name__.replace("_", " "), source, sentence, check))
        return check

    return add


def held(holds: bool, seen: str) -> Verdict:
    """Return pass or fail with what was *seen*."""
    return Verdict("pass" if holds else "fail", seen)


def not_seen(why: str) -> Verdict:
    """Return that the point could not be looked at, and *why*."""
    return Verdict("not seen", why)
