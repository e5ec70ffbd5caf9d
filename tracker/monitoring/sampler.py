"""Numbers that hub, relay and feed count by themselves, brought to Prometheus every second.

They count in plain numbers, since a broadcast to thousands must wait for
nothing. In the process that is scraped they are sampled once more.

Each series exists from the start, at zero, so that the rate of what has not
happened yet is zero and not unknown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import get_args

from prometheus_client import Counter, Gauge

from tracker.market.freshness import State
from tracker.messaging.feed import Feed
from tracker.monitoring.instruments import Instruments
from tracker.relay import Relay
from tracker.stream.admission import REFUSALS
from tracker.stream.critical_thread import critical_thread
from tracker.stream.hub import Hub
from tracker.stream.stats import KINDS, WHYS

PERIOD_S = 1.0


class Sampler:
    """Samples one process. *interval* is in seconds."""

    def __init__(
        self,
        instruments: Instruments,
        *,
        hub: Hub,
        feed: Feed,
        relay: Relay,
        interval: int,
    ) -> None:
        self._instruments = instruments
        self._samples: list[tuple[Counter | Gauge, Callable[[], float]]] = []
        self._counted: dict[Counter, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._add_stream(hub)
        self._add_prices(feed, relay)
        self._gauge(
            "interval_seconds", "Seconds between two ticks, as set", lambda: interval, "max"
        )
        self._gauge("web_processes", "Web processes", lambda: 1, "sum")

    def start(self) -> None:
        """Sample now, and then every `PERIOD_S` from a thread."""
        self.sample()
        critical_thread(self._run, "metrics")

    def close(self) -> None:
        """Stop, after a last sample."""
        self._closing.set()
        self.sample()

    def sample(self) -> None:
        """Bring all numbers up to date."""
        with self._lock:
            for metric, read in self._samples:
                value = read()
                if isinstance(metric, Gauge):
                    metric.set(value)
                elif value != (before := self._counted.get(metric, 0)):
                    metric.inc(value - before)
                    self._counted[metric] = value

    def _run(self) -> None:
        while not self._closing.wait(PERIOD_S):
            self.sample()

    def _add_stream(self, hub: Hub) -> None:
        stats, admission, make = hub.stats, hub.admission, self._instruments
        present = make.gauge(
            "tracker_stream_subscribers", "Readers now", "livesum", "encoding", "coins"
        )
        joins = make.counter("tracker_stream_joins_total", "Readers that came", "encoding", "coins")
        for kind in KINDS:
            is_gzip, has_topics = kind
            labels = "gzip" if is_gzip else "plain", "some" if has_topics else "all"
            self._samples += [
                (present.labels(*labels), partial(admission.present, kind)),
                (joins.labels(*labels), partial(stats.joined.__getitem__, kind)),
            ]
        leaves = make.counter("tracker_stream_leaves_total", "Readers that left", "why")
        for why in WHYS:
            self._samples.append((leaves.labels(why), partial(stats.left.__getitem__, why)))
        refusals = make.counter("tracker_stream_refusals_total", "Readers that were refused", "why")
        for refusal in REFUSALS:
            read = partial(admission.refused.__getitem__, refusal)
            self._samples.append((refusals.labels(refusal), read))
        resumes = make.counter(
            "tracker_stream_resumes_total", "Readers that came back with an id", "recovered"
        )
        for recovered in (True, False):
            label = str(recovered).lower()
            reading = partial(stats.resumed.__getitem__, recovered)
            self._samples.append((resumes.labels(label), reading))
        count, gauge = self._counter, self._gauge
        gauge("stream_subscribers_limit", "Readers that there is room for", lambda: admission.limit)
        gauge("stream_behind", "Readers now that have not taken all there is", lambda: hub.behind)
        count(
            "stream_replayed_ticks", "Ticks sent to readers that came back", lambda: stats.replayed
        )
        count("stream_slow", "Times that a reader took less than an event", lambda: stats.slow)
        count("stream_lapped", "Times that a slow reader missed ticks", lambda: stats.lapped)
        count("stream_events_sent", "Ticks given to readers, one by one", lambda: stats.events)
        count("stream_sent_bytes", "Bytes of events that the kernel took", lambda: stats.bytes)

    def _add_prices(self, feed: Feed, relay: Relay) -> None:
        status = self._instruments.gauge(
            "tracker_status", "Web processes that send their readers this state", "livesum", "state"
        )
        for state in get_args(State):
            self._samples.append(
                (status.labels(state), partial(lambda state: relay.status().state == state, state))
            )
        self._gauge(
            "newest_tick_timestamp_seconds",
            "Time of the newest tick of the process that is furthest behind; 0 without one",
            lambda: (relay.state.id or 0) / 1000,
            "min",
        )
        self._gauge(
            "prices_fresh_timestamp_seconds",
            "When the source last gave or confirmed the prices; 0 if it never did",
            lambda: (relay.state.source.fresh_at or 0) / 1000,
            "min",
        )
        self._gauge(
            "feed_connected",
            "1 if the feed delivers to every web process",
            lambda: bool(relay.feed_connected),
            "min",
        )
        self._gauge(
            "database_answers",
            "1 if every web process could read the database",
            lambda: relay.database.answers and relay.runs,
            "min",
        )
        self._counter(
            "feed_reconnects",
            "Times that the feed delivered again",
            lambda: max(0, feed.connections - 1),
        )
        self._counter(
            "mended_ticks",
            "Ticks found in the database, not brought by the feed",
            lambda: relay.database.filled,
        )

    def _gauge(self, name: str, help: str, read: Callable[[], float], of_all: str = "sum") -> None:
        """Sample *read*; the living processes' numbers together are their sum, min or max."""
        gauge = self._instruments.gauge(f"tracker_{name}", help, f"live{of_all}")
        self._samples.append((gauge, read))

    def _counter(self, name: str, help: str, read: Callable[[], float]) -> None:
        self._samples.append((self._instruments.counter(f"tracker_{name}_total", help), read))
