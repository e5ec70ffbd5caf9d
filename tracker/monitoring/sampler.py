"""Numbers that hub, relay and feed count by themselves, brought to Prometheus every second.

They count in plain numbers, since a broadcast to thousands must wait for
nothing. In the process that is scraped they are sampled once more.

Each series exists from the start, at zero, so that the rate of what has not
happened yet is zero and not unknown.
"""

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

Read = Callable[[], float]


class Sampler:
    """Samples one process. *interval* is in seconds, *stale_after* in milliseconds."""

    def __init__(
        self,
        instruments: Instruments,
        *,
        hub: Hub,
        feed: Feed,
        relay: Relay,
        interval: int,
        stale_after: int,
    ) -> None:
        self._instruments = instruments
        self._samples: list[tuple[Counter | Gauge, Read]] = []
        self._counted: dict[Counter, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._add_readers(hub)
        self._add_stream(hub)
        self._add_prices(feed, relay)
        help = "Seconds between two ticks, as set"
        self._gauge("interval_seconds", help, lambda: interval, "max")
        help = "Age in seconds from which prices are stale"
        self._gauge("stale_after_seconds", help, lambda: stale_after / 1000, "max")
        self._gauge("web_processes", "Web processes", lambda: 1)

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

    def _add_readers(self, hub: Hub) -> None:
        stats, admission, make = hub.stats, hub.admission, self._instruments
        by_kind = "form", "encoding", "coins"
        present = make.gauge("tracker_stream_subscribers", "Readers now", "livesum", *by_kind)
        joins = make.counter("tracker_stream_joins_total", "Readers that came", *by_kind)
        for kind in KINDS:
            labels = (
                "screen" if kind.is_screen else "events",
                "gzip" if kind.is_gzip else "plain",
                "some" if kind.has_topics else "all",
            )
            self._add(present.labels(*labels), partial(admission.present, kind))
            self._add(joins.labels(*labels), partial(stats.joined.__getitem__, kind))
        leaves = make.counter("tracker_stream_leaves_total", "Readers that left", "why")
        for why in WHYS:
            self._add(leaves.labels(why), partial(stats.left.__getitem__, why))
        refusals = make.counter("tracker_stream_refusals_total", "Readers that were refused", "why")
        for refusal in REFUSALS:
            self._add(refusals.labels(refusal), partial(admission.refused.__getitem__, refusal))
        help = "Readers that came back with an id"
        resumes = make.counter("tracker_stream_resumes_total", help, "recovered")
        for is_whole, label in ((True, "true"), (False, "false")):
            self._add(resumes.labels(label), partial(stats.resumed.__getitem__, is_whole))

    def _add_stream(self, hub: Hub) -> None:
        stats, count, gauge = hub.stats, self._counter, self._gauge
        limit = "Readers that there is room for"
        gauge("stream_subscribers_limit", limit, lambda: hub.admission.limit)
        gauge("stream_behind", "Readers now that have not taken all there is", lambda: hub.behind)
        replayed = "Ticks sent to readers that came back"
        count("stream_replayed_ticks", replayed, lambda: stats.replayed)
        count("stream_slow", "Times that a reader took less than an event", lambda: stats.slow)
        count("stream_lapped", "Times that a slow reader missed ticks", lambda: stats.lapped)
        count("stream_events_sent", "Ticks given to readers, one by one", lambda: stats.events)
        count("stream_sent_bytes", "Bytes of events that the kernel took", lambda: stats.bytes)

    def _add_prices(self, feed: Feed, relay: Relay) -> None:
        count, gauge = self._counter, self._gauge
        help = "Web processes that send their readers this state"
        status = self._instruments.gauge("tracker_status", help, "livesum", "state")
        for state in get_args(State):
            is_it = partial(lambda state: relay.status().state == state, state)
            self._add(status.labels(state), is_it)
        help = "Time of the newest tick of the process that is furthest behind; 0 without one"
        gauge("newest_tick_timestamp_seconds", help, lambda: (relay.state.id or 0) / 1000, "min")
        help = "When the source last gave or confirmed the prices; 0 if it never did"
        gauge(
            "prices_fresh_timestamp_seconds",
            help,
            lambda: (relay.state.source.fresh_at or 0) / 1000,
            "min",
        )
        help = "1 if the feed delivers to every web process"
        gauge("feed_connected", help, lambda: bool(relay.feed_connected), "min")
        help = "1 if every web process could read the database"
        gauge("database_answers", help, lambda: relay.database.answers and relay.runs, "min")
        help = "Times that the feed delivered again"
        count("feed_reconnects", help, lambda: max(0, feed.connections - 1))
        help = "Ticks found in the database, not brought by the feed"
        count("mended_ticks", help, lambda: relay.database.filled)

    def _add(self, metric: Counter | Gauge, read: Read) -> None:
        self._samples.append((metric, read))

    def _gauge(self, name: str, help: str, read: Read, of_all: str = "sum") -> None:
        """Sample *read*; the living processes' numbers together are their sum, min or max."""
        self._add(self._instruments.gauge(f"tracker_{name}", help, f"live{of_all}"), read)

    def _counter(self, name: str, help: str, read: Read) -> None:
        self._add(self._instruments.counter(f"tracker_{name}_total", help), read)
