"""Everything that `/metrics` tells, put together when somebody asks.

What is counted in Redis is asked for a short time only; without Redis the rest
is told all the same. Any process answers for all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError

from tracker.concurrency import TimedCall, shared
from tracker.messaging.refresh_stats import RefreshSnapshot, RefreshStats
from tracker.monitoring import process_stats
from tracker.monitoring.instruments import Instruments, is_shared
from tracker.monitoring.sampler import Sampler

REDIS_LIMIT = 0.5
"""Seconds to wait for Redis."""

AGES = {
    "tracker_newest_tick_timestamp_seconds": (
        "tracker_newest_tick_age_seconds",
        "Age of the newest tick of the process that is furthest behind; +Inf without one",
    ),
    "tracker_prices_fresh_timestamp_seconds": (
        "tracker_prices_fresh_age_seconds",
        "Seconds since the source last gave or confirmed the prices; +Inf if it never did",
    ),
}


class Collector:
    """Looks at the numbers of all web processes, and at what Redis has."""

    def __init__(self, instruments: Instruments, sampler: Sampler, refreshes: RefreshStats) -> None:
        self._instruments = instruments
        self._sampler = sampler
        inquiry = TimedCall(lambda: refreshes.read())

        def ask() -> RefreshSnapshot | None:
            try:
                return inquiry.result(REDIS_LIMIT)
            except (RedisError, OSError, TimeoutError):
                return None

        self._told = shared(ask)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return the body and its content type for a client's Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield all families, as `prometheus_client`'s registries do."""
        self._sampler.look()
        own = list(self._own())
        yield from own
        yield from _ages(own)
        yield from process_stats.collect()
        told = self._told()
        yield GaugeMetricFamily("tracker_redis_answers", "1 if Redis answered just now", bool(told))
        if told:
            yield from _refreshes(told)
            yield from _jobs(told)

    def _own(self) -> Iterable[Metric]:
        if is_shared():
            return MultiProcessCollector(None).collect()  # type: ignore[no-any-return]
        return self._instruments.registry.collect()


def _ages(families: Iterable[Metric]) -> Iterator[Metric]:
    """Yield how old that is of which the time is told: no process need agree on it."""
    for family in families:
        if family.name in AGES:
            name, help = AGES[family.name]
            at = family.samples[0].value
            yield GaugeMetricFamily(name, help, max(0.0, time.time() - at) if at else math.inf)


def _refreshes(told: RefreshSnapshot) -> Iterator[Metric]:
    counts = CounterMetricFamily(
        "tracker_refreshes",
        "RefreshStats by what became of them, and failures by kind",
        labels=("outcome", "kind"),
    )
    for labels, count in sorted(told.counts.items()):
        counts.add_metric(labels, count)
    yield counts
    seconds = HistogramMetricFamily(
        "tracker_refresh_duration_seconds", "Seconds that refreshes took", labels=("outcome",)
    )
    for outcome, duration in sorted(told.durations.items()):
        seconds.add_metric((outcome,), _cumulative(duration.buckets), duration.total)
    yield seconds


def _cumulative(buckets: dict[float, int]) -> list[tuple[str, float]]:
    total, found = 0, []
    for most, count in sorted(buckets.items()):
        total += count
        found.append(("+Inf" if most == math.inf else str(most), float(total)))
    return found


def _jobs(told: RefreshSnapshot) -> Iterator[Metric]:
    yield GaugeMetricFamily("tracker_queue_jobs", "Jobs that wait for a worker", told.queued)
    yield GaugeMetricFamily("tracker_failed_jobs", "Jobs that RQ keeps as failed", told.failed)
    yield GaugeMetricFamily("tracker_workers", "Workers that RQ knows", told.workers)
