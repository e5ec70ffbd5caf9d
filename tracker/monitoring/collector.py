"""Everything in `/metrics`, put together at each scrape. Any process answers for all.

Redis is waited for briefly; without its numbers the others are there all the same.
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

REDIS_TIMEOUT_S = 0.5

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
    """Collects the numbers of all web processes, and those in Redis."""

    def __init__(self, instruments: Instruments, sampler: Sampler, stats: RefreshStats) -> None:
        self._instruments = instruments
        self._sampler = sampler
        read = TimedCall(lambda: stats.read())

        def snapshot() -> RefreshSnapshot | None:
            try:
                return read.result(REDIS_TIMEOUT_S)
            except (RedisError, OSError, TimeoutError):
                return None

        self._snapshot = shared(snapshot)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return the body and its content type for a client's Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield all families, as `prometheus_client`'s registries do."""
        self._sampler.sample()
        own = list(self._own())
        yield from own
        yield from _ages(own)
        yield from process_stats.collect()
        snapshot = self._snapshot()
        yield GaugeMetricFamily(
            "tracker_redis_answers", "1 if Redis answered just now", bool(snapshot)
        )
        if snapshot:
            yield from _refreshes(snapshot)
            yield from _jobs(snapshot)

    def _own(self) -> Iterable[Metric]:
        if is_shared():
            return MultiProcessCollector(None).collect()  # type: ignore[no-any-return]
        return self._instruments.registry.collect()


def _ages(families: Iterable[Metric]) -> Iterator[Metric]:
    """Yield the ages of what has a time: processes need not agree on the clock's reading."""
    for family in families:
        if family.name in AGES:
            name, help = AGES[family.name]
            at = family.samples[0].value
            yield GaugeMetricFamily(name, help, max(0.0, time.time() - at) if at else math.inf)


def _refreshes(snapshot: RefreshSnapshot) -> Iterator[Metric]:
    counts = CounterMetricFamily(
        "tracker_refreshes",
        "RefreshStats by what became of them, and failures by kind",
        labels=("outcome", "kind"),
    )
    for labels, count in sorted(snapshot.counts.items()):
        counts.add_metric(labels, count)
    yield counts
    seconds = HistogramMetricFamily(
        "tracker_refresh_duration_seconds", "Seconds that refreshes took", labels=("outcome",)
    )
    for outcome, duration in sorted(snapshot.durations.items()):
        seconds.add_metric((outcome,), _cumulative(duration.buckets), duration.total)
    yield seconds


def _cumulative(buckets: dict[float, int]) -> list[tuple[str, float]]:
    total, found = 0, []
    for most, count in sorted(buckets.items()):
        total += count
        found.append(("+Inf" if most == math.inf else str(most), float(total)))
    return found


def _jobs(snapshot: RefreshSnapshot) -> Iterator[Metric]:
    yield GaugeMetricFamily("tracker_queue_jobs", "Jobs that wait for a worker", snapshot.queued)
    yield GaugeMetricFamily("tracker_failed_jobs", "Jobs that RQ keeps as failed", snapshot.failed)
    yield GaugeMetricFamily("tracker_workers", "Workers that RQ knows", snapshot.workers)
