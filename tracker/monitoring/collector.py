"""Everything in `/metrics`, put together at each scrape. Any process answers for all.

Redis is waited for briefly; without its numbers the others are there all the same.
"""

import fcntl
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString
from redis.exceptions import RedisError

from tracker.concurrency import TimedCall, shared
from tracker.market.freshness import SourceHealth
from tracker.messaging.refresh_stats import (
    DELIVERIES,
    RefreshSnapshot,
    RefreshStats,
    SourceCounts,
)
from tracker.monitoring import multiproc_dir, process_stats
from tracker.monitoring.instruments import Instruments, is_shared
from tracker.monitoring.sampler import Sampler
from tracker.storage.disk import DiskUse

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
"""Ages by the times they follow from: processes need not agree on the clock's reading."""


class Collector:
    """Collects the numbers of all web processes, those in Redis, and how the *sources* do."""

    def __init__(
        self,
        instruments: Instruments,
        sampler: Sampler,
        stats: RefreshStats,
        sources: Callable[[], Iterable[SourceHealth]],
        disk_use: Callable[[], DiskUse | None],
    ) -> None:
        self._instruments = instruments
        self._sources, self._disk_use = sources, disk_use
        self._sampler = sampler
        self._read = TimedCall(lambda: stats.read())
        self._snapshot = shared(self._read_redis)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return the body and its content type for a client's Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield all families, as `prometheus_client`'s registries do."""
        self._sampler.sample()
        for family in self._of_processes():
            yield family
            if family.name in AGES:
                at = family.samples[0].value
                age = max(0.0, time.time() - at) if at else math.inf
                yield GaugeMetricFamily(*AGES[family.name], age)
        yield from process_stats.collect()
        if used := self._disk_use():
            help = "Size of the SQLite file and its journal"
            yield GaugeMetricFamily("tracker_database_bytes", help, used.size)
            help = "Room that is left on the SQLite file's disk"
            yield GaugeMetricFamily("tracker_database_disk_free_bytes", help, used.room)
        sources = {source.name: source.ok for source in self._sources()}
        help = "1 if the source or exchange answers, and agrees with the others"
        ok = GaugeMetricFamily("tracker_source_ok", help, labels=("name",))
        for name, is_ok in sources.items():
            ok.add_metric((name,), is_ok)
        yield ok
        snapshot = self._snapshot()
        help = "1 if Redis answered just now"
        yield GaugeMetricFamily("tracker_redis_answers", help, bool(snapshot))
        if snapshot:
            yield from _of_redis(snapshot)
            yield from _of_alerts(snapshot)
            yield from _of_sources(
                {name: snapshot.sources.get(name, SourceCounts()) for name in sources}
            )

    def _of_processes(self) -> Iterable[Metric]:
        if not is_shared():
            return self._instruments.registry.collect()
        with multiproc_dir.locked(fcntl.LOCK_SH):
            files = [str(path) for path in multiproc_dir.files("*.db")]
            families: Iterable[Metric] = MultiProcessCollector.merge(files)
        return families

    def _read_redis(self) -> RefreshSnapshot | None:
        try:
            return self._read.result(REDIS_TIMEOUT_S)
        except (RedisError, OSError, TimeoutError):
            return None


def _of_redis(snapshot: RefreshSnapshot) -> Iterator[Metric]:
    help = "Refreshes by what became of them, and failures by kind"
    counts = CounterMetricFamily("tracker_refreshes", help, labels=("outcome", "kind"))
    for labels, count in sorted(snapshot.counts.items()):
        counts.add_metric(labels, count)
    yield counts
    name, help = "tracker_refresh_duration_seconds", "Seconds that refreshes took"
    seconds = HistogramMetricFamily(name, help, labels=("outcome",))
    for outcome, duration in sorted(snapshot.durations.items()):
        most, counted = zip(*sorted(duration.buckets.items()), strict=True)
        cumulative = zip(map(floatToGoString, most), accumulate(counted), strict=True)
        seconds.add_metric((outcome,), list(cumulative), duration.total)
    yield seconds
    yield GaugeMetricFamily("tracker_queue_jobs", "Jobs that wait for a worker", snapshot.queued)
    yield GaugeMetricFamily("tracker_failed_jobs", "Jobs that RQ keeps as failed", snapshot.failed)
    yield GaugeMetricFamily("tracker_workers", "Workers that RQ knows", snapshot.workers)


def _of_alerts(snapshot: RefreshSnapshot) -> Iterator[Metric]:
    fired, waiting = (snapshot.alerts.get((what, ""), 0) for what in ("fired", "waiting"))
    yield CounterMetricFamily("tracker_alerts_fired", "Alerts that have fired", fired)
    help = "What became of alerts on their way, by target; one that failed is tried again"
    name, labels = "tracker_alert_deliveries", ("target", "outcome")
    deliveries = CounterMetricFamily(name, help, labels=labels)
    for (what, target), count in sorted(snapshot.alerts.items()):
        if what in DELIVERIES:
            deliveries.add_metric((target, what), count)
    yield deliveries
    help = "Deliveries of alerts that wait to be sent"
    yield GaugeMetricFamily("tracker_alert_deliveries_waiting", help, waiting)


def _of_sources(sources: Mapping[str, SourceCounts]) -> Iterator[Metric]:
    """Yield what was counted of *sources*; only those that are in use now."""
    counted = (
        ("answers", "Answers of the source or exchange"),
        ("failures", "Requests that it did not answer, or refused"),
        ("disagreements", "Prices of an exchange that were not believed"),
    )
    for what, help in counted:
        family = CounterMetricFamily(f"tracker_source_{what}", help, labels=("name",))
        for name, counts in sources.items():
            family.add_metric((name,), getattr(counts, what))
        yield family
    help = "Age of its newest trade, or of the source's newest answer; +Inf without one"
    ages = GaugeMetricFamily("tracker_source_price_age_seconds", help, labels=("name",))
    for name, counts in sources.items():
        at = counts.newest_at
        ages.add_metric((name,), math.inf if at is None else max(0.0, time.time() - at / 1000))
    yield ages
