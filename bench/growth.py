"""What processes held over time, and how much more it is per hour. Pure.

The trap: a process that was started again starts anew. So growth is found twice:
of a kind of process through all its restarts, which is what the machine gives for
good; and within the lives of single processes, which is what a restart would heal.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

HOUR = 3600.0
"""Seconds."""
YOUTH = 30.0
"""Seconds of a process's life that do not count: it is still starting."""
MOST_POINTS = 300
"""Of one line, for its slope: it takes the square of that."""
MEGABYTE = 1024 * 1024


class Sample(NamedTuple):
    """What one process held at one moment."""

    at: float
    """Seconds since the begin."""
    kind: str
    pid: int
    memory: float
    """Megabytes, resident."""
    descriptors: int
    """But for those of readers' connections."""
    connections: int
    """Of readers."""
    threads: int


class Point(NamedTuple):
    """One value at one moment."""

    at: float
    value: float


Line = Sequence[Point]
MEASURES = ("memory", "descriptors", "threads")
"""What may grow, as `Sample` names it."""


class Growth(NamedTuple):
    """How much of one thing a kind of process has, and how much more per hour."""

    usual: float
    """The median after the warm-up."""
    through_restarts: float | None
    """Per hour, of the kind; None if there were too few samples."""
    within_lives: float | None
    """Per hour, of single processes past their youth; None if none lived for long enough."""


def slope(lines: Iterable[Line]) -> float | None:
    """Return Theil and Sen's slope per second: the median over pairs of points of one line.

    Half of the points may be wild without moving it far. None if there is no pair.
    See https://en.wikipedia.org/wiki/Theil%E2%80%93Sen_estimator
    """
    slopes = [
        (late.value - early.value) / (late.at - early.at)
        for line in lines
        for early, late in combinations(_thinned(line), 2)
        if late.at > early.at
    ]
    return statistics.median(slopes) if slopes else None


def of_kinds(samples: Iterable[Sample], measure: str) -> dict[str, list[Point]]:
    """Return, for each kind, the sum over its processes at each moment with the usual number.

    While a web process drains beside its successor, the sum says nothing.
    """
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        found[sample.kind][sample.at].append(getattr(sample, measure))
    return {
        kind: [Point(at, sum(values)) for at, values in moments.items() if len(values) == usual]
        for kind, moments in found.items()
        for usual in [statistics.mode(map(len, moments.values()))]
    }


def of_lives(samples: Iterable[Sample], measure: str) -> dict[str, list[list[Point]]]:
    """Return, for each kind, the line of each of its processes past its youth."""
    lives: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.kind, sample.pid].append(sample)
    found: dict[str, list[list[Point]]] = defaultdict(list)
    for (kind, _), life in lives.items():
        grown = [sample for sample in life if sample.at >= life[0].at + YOUTH]
        found[kind].append([Point(sample.at, getattr(sample, measure)) for sample in grown])
    return found


def growth(samples: Sequence[Sample], measure: str, *, warm_up: float) -> dict[str, Growth]:
    """Return the growth of *measure* for each kind after *warm_up* seconds."""
    lives = of_lives(samples, measure)
    found = {}
    for kind, points in of_kinds(samples, measure).items():
        warm = [point for point in points if point.at >= warm_up]
        settled = [[point for point in life if point.at >= warm_up] for life in lives[kind]]
        if warm:
            usual = statistics.median(point.value for point in warm)
            found[kind] = Growth(usual, _per_hour(slope([warm])), _per_hour(slope(settled)))
    return found


def excess(found: Mapping[str, Growth], limit: float) -> list[str]:
    """Return the kinds that grow by more than *limit* per hour in either way, in words."""
    return [
        f"{kind}: {per_hour:+.1f} per hour {way}, at most {limit:g} allowed"
        for kind, grown in found.items()
        for way, per_hour in (
            ("through restarts", grown.through_restarts),
            ("within one life", grown.within_lives),
        )
        if per_hour is not None and per_hour > limit
    ]


def _per_hour(slope: float | None) -> float | None:
    return None if slope is None else slope * HOUR


def _thinned(line: Line) -> Line:
    step = -(-len(line) // MOST_POINTS) or 1
    return line[::step]
