"""What the product promises of its speed, held against one run."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bench.runs import Result

FULL = 10_000
"""Readers for which the goals hold; with fewer they are only printed."""
FLOOR_FACTOR = 1.25
NOISE = 1.1
"""What two runs of the same thing may differ by."""
MEMORY = 1024
GZIP_SIZE = 0.35
RETURN_SECONDS = 4.0

Found = Mapping[str, Result]


class Goal(NamedTuple):
    """One promise: what was found in words, and whether that is enough."""

    promise: str
    found: str
    kept: bool

    def __str__(self) -> str:
        """Return the line that a benchmark prints."""
        return f"- {'pass' if self.kept else 'FAIL'}: {self.promise}: {self.found}"


def goals(found: Found) -> Iterator[Goal]:
    """Yield what can be said of the results *found*, by contender's key."""
    for needed, check in _CHECKS:
        if all(key in found for key in needed):
            yield from check(*(found[key] for key in needed))


def _near_the_floor(ours: Result, floor: Result) -> Iterator[Goal]:
    ratio = ours.cpu_against(floor)
    promise = f"CPU per event at most {FLOOR_FACTOR} of the floor's"
    yield Goal(promise, f"{ratio:.2f}", ratio <= FLOOR_FACTOR)


def _before_nchan(ours: Result, nchan: Result) -> Iterator[Goal]:
    ratio = ours.cpu_against(nchan)
    yield Goal("CPU per event below nchan's", f"{ratio:.2f}", ratio < 1)
    words = f"{ours.p99:.0f} ms, nchan {nchan.p99:.0f} ms"
    yield Goal("p99 latency at most nchan's", words, ours.p99 <= nchan.p99)


def _small(ours: Result) -> Iterator[Goal]:
    if ours.memory is not None:
        words = f"{ours.memory:.0f} bytes"
        yield Goal("an idle reader costs at most 1 KB", words, ours.memory <= MEMORY)
    if ours.returned is not None:
        promise = f"all come back within {RETURN_SECONDS:.0f} s, with what they missed"
        yield Goal(promise, f"{ours.returned:.1f} s", ours.returned <= RETURN_SECONDS)
    elif ours.contender.returns:
        yield Goal("all come back with what they missed", "they did not", False)


def _cheap_gzip(gzip: Result, ours: Result) -> Iterator[Goal]:
    ratio, size = gzip.cpu_against(ours), gzip.size / ours.size
    yield Goal("a gzip event costs no more CPU than a plain one", f"{ratio:.2f}", ratio <= 1)
    yield Goal(f"and at most {GZIP_SIZE} of its bytes", f"{size:.2f}", size <= GZIP_SIZE)


def _cheap_screens(watch: Result, few: Result) -> Iterator[Goal]:
    ratio = watch.cpu_against(few)
    promise = "a drawing at /watch costs no more CPU than an event of its size"
    yield Goal(promise, f"{ratio:.2f}", ratio <= NOISE)


def _cheap_variants(variants: Result, ours: Result) -> Iterator[Goal]:
    ratio = variants.cpu_against(ours)
    yield Goal("200 variants cost no more CPU than none", f"{ratio:.2f}", ratio <= NOISE)


def _unmoved(stalled: Result, ours: Result) -> Iterator[Goal]:
    cpu, p99 = stalled.cpu_against(ours), stalled.p99 / ours.p99
    yield Goal("a reader that never reads costs no CPU", f"{cpu:.2f}", cpu <= NOISE)
    yield Goal("and the others no p99 latency", f"{p99:.2f}", p99 <= NOISE)


_CHECKS: tuple[tuple[tuple[str, ...], Callable[..., Iterator[Goal]]], ...] = (
    (("ours", "floor"), _near_the_floor),
    (("ours", "nchan"), _before_nchan),
    (("ours",), _small),
    (("gzip", "ours"), _cheap_gzip),
    (("watch", "few"), _cheap_screens),
    (("variants", "ours"), _cheap_variants),
    (("stalled", "ours"), _unmoved),
)
