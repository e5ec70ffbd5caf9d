"""The numbers that each web process keeps, and how those of several become one.

Every series is there from the start, at zero: a rate of what has never happened
is then none, not unknown. A gauge's mode says what the processes that live make
of it together. Labels have few values, whatever is asked for.
"""

from __future__ import annotations

import os
from typing import Any, get_args

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tracker.market.freshness import State
from tracker.relay import Broadcast
from tracker.stream.admission import REFUSALS
from tracker.stream.stats import KINDS, WHYS, Kind

prometheus_client.disable_created_metrics()

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STATES: tuple[State, ...] = get_args(State)

MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets in seconds: a broadcast to 10,000 readers takes about a tenth."""


def is_shared() -> bool:
    """Return whether the numbers of several processes are put together."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


def labels_of(kind: Kind) -> dict[str, str]:
    """Return the labels of readers whose lens is of *kind*."""
    is_gzip, has_part = kind
    return {"encoding": "gzip" if is_gzip else "plain", "coins": "some" if has_part else "all"}


class Instruments:
    """All numbers of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._where: Any = {"registry": None if is_shared() else self.registry}
        self._stream()
        self._delivery()
        self._prices()
        self._web()
        self._begin_at_zero()

    def saw(self, broadcast: Broadcast) -> None:
        """Note what a broadcast took."""
        self.broadcasts.observe(broadcast.seconds)
        if broadcast.latency is not None:
            self.latency.observe(broadcast.latency)

    def _stream(self) -> None:
        self.subscribers = self._gauge(
            "tracker_stream_subscribers", "Readers now", "livesum", "encoding", "coins"
        )
        self.subscribers_limit = self._gauge(
            "tracker_stream_subscribers_limit", "Readers that there is room for", "livesum"
        )
        self.behind = self._gauge(
            "tracker_stream_behind", "Readers now that have not taken all there is", "livesum"
        )
        self.joins = self._counter(
            "tracker_stream_joins_total", "Readers that came", "encoding", "coins"
        )
        self.leaves = self._counter("tracker_stream_leaves_total", "Readers that left", "why")
        self.refusals = self._counter(
            "tracker_stream_refusals_total", "Readers that were not let in", "why"
        )
        self.resumes = self._counter(
            "tracker_stream_resumes_total", "Readers that came back with an id", "recovered"
        )
        self.replayed = self._counter(
            "tracker_stream_replayed_ticks_total", "Ticks sent to readers that came back"
        )
        self.slow = self._counter(
            "tracker_stream_slow_total", "Times that a reader took less than an event"
        )
        self.lapped = self._counter(
            "tracker_stream_lapped_total", "Times that a slow reader missed ticks"
        )

    def _delivery(self) -> None:
        self.events = self._counter(
            "tracker_stream_events_sent_total", "Ticks given to readers, counted for each"
        )
        self.bytes = self._counter(
            "tracker_stream_sent_bytes_total", "Bytes of events that the kernel took"
        )
        self.broadcasts = self._histogram(
            "tracker_broadcast_duration_seconds", "Seconds to write a tick to all readers"
        )
        self.latency = self._histogram(
            "tracker_delivery_latency_seconds",
            "Seconds from a tick's publication by the worker to the end of its broadcast",
        )

    def _prices(self) -> None:
        self.newest = self._gauge(
            "tracker_newest_tick_timestamp_seconds",
            "Time of the newest tick of the process that is furthest behind; 0 without one",
            "livemin",
        )
        self.fresh = self._gauge(
            "tracker_prices_fresh_timestamp_seconds",
            "When the source last gave or confirmed the prices; 0 if it never did",
            "livemin",
        )
        self.interval = self._gauge(
            "tracker_interval_seconds", "Seconds between two ticks, as set", "livemax"
        )
        self.status = self._gauge(
            "tracker_status", "Web processes that tell their readers this state", "livesum", "state"
        )
        self.feed_connected = self._gauge(
            "tracker_feed_connected", "1 if the feed delivers to every web process", "livemin"
        )
        self.feed_reconnects = self._counter(
            "tracker_feed_reconnects_total", "Times that the feed delivered again"
        )
        self.database_answers = self._gauge(
            "tracker_database_answers", "1 if every web process could read the database", "livemin"
        )
        self.mended = self._counter(
            "tracker_mended_ticks_total", "Ticks found in the database, not brought by the feed"
        )

    def _web(self) -> None:
        self.processes = self._gauge("tracker_web_processes", "Web processes", "livesum")
        self.requests = self._counter(
            "tracker_http_requests_total", "Requests answered", "endpoint", "method", "status"
        )
        self.request_seconds = self._histogram(
            "tracker_http_request_duration_seconds",
            "Seconds until a request was answered; of a stream, until it began",
            "endpoint",
        )

    def _begin_at_zero(self) -> None:
        for kind in KINDS:
            self.subscribers.labels(**labels_of(kind))
            self.joins.labels(**labels_of(kind))
        for why in WHYS:
            self.leaves.labels(why)
        for refusal in REFUSALS:
            self.refusals.labels(refusal)
        for recovered in ("true", "false"):
            self.resumes.labels(recovered)
        for state in STATES:
            self.status.labels(state)

    def _gauge(self, name: str, help: str, mode: Any, *labels: str) -> Gauge:
        return Gauge(name, help, labels, multiprocess_mode=mode, **self._where)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(name, help, labels, **self._where)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(name, help, labels, buckets=MILLISECONDS, **self._where)
