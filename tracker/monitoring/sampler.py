"""Brings the instruments up to date from what hub, relay and feed have counted.

They count in plain numbers, since a broadcast to thousands must not wait for
anybody. So the instruments are up to a second behind; in the process that is
asked, they are not.
"""

from __future__ import annotations

import threading

from prometheus_client import Counter

from tracker.messaging.feed import Feed
from tracker.monitoring.instruments import STATES, Instruments, labels_of
from tracker.relay import Relay
from tracker.stream.admission import REFUSALS, Admission
from tracker.stream.critical_thread import vital_thread
from tracker.stream.hub import Hub
from tracker.stream.stats import KINDS, WHYS

PERIOD = 1.0
"""Seconds between two looks."""


class Sampler:
    """Of one process. *interval* is in seconds."""

    def __init__(
        self,
        instruments: Instruments,
        *,
        hub: Hub,
        admission: Admission,
        feed: Feed,
        relay: Relay,
        interval: int,
    ) -> None:
        self._to = instruments
        self._hub = hub
        self._admission = admission
        self._feed = feed
        self._relay = relay
        self._interval = interval
        self._lock = threading.Lock()
        self._brought: dict[str, float] = {}
        self._over = threading.Event()

    def start(self) -> None:
        """Look once, and then every `PERIOD` from a thread of its own."""
        self.look()
        vital_thread(self._run, "metrics")

    def close(self) -> None:
        """Look no more, after a last look."""
        self._over.set()
        self.look()

    def look(self) -> None:
        """Bring all instruments up to date."""
        with self._lock:
            self._stream()
            self._prices()

    def _run(self) -> None:
        while not self._over.wait(PERIOD):
            self.look()

    def _stream(self) -> None:
        to, tally = self._to, self._hub.tally
        for kind in KINDS:
            labels = labels_of(kind)
            to.subscribers.labels(**labels).set(tally.present[kind])
            self._raise(to.joins.labels(**labels), f"joins {kind}", tally.joined[kind])
        for why in WHYS:
            self._raise(to.leaves.labels(why), f"leaves {why}", tally.left[why])
        for refusal in REFUSALS:
            refused = self._admission.refused[refusal]
            self._raise(to.refusals.labels(refusal), f"refusals {refusal}", refused)
        for recovered in (True, False):
            label = str(recovered).lower()
            self._raise(to.resumes.labels(label), f"resumes {label}", tally.resumed[recovered])
        self._raise(to.replayed, "replayed", tally.replayed)
        self._raise(to.slow, "slow", tally.slow)
        self._raise(to.lapped, "lapped", tally.lapped)
        self._raise(to.events, "events", tally.events)
        self._raise(to.bytes, "bytes", tally.bytes)
        to.behind.set(self._hub.behind)
        to.subscribers_limit.set(self._admission.limit)

    def _prices(self) -> None:
        to, relay = self._to, self._relay
        to.newest.set((relay.state.id or 0) / 1000)
        to.fresh.set((relay.state.source.fresh_at or 0) / 1000)
        to.interval.set(self._interval)
        now = relay.status().state
        for state in STATES:
            to.status.labels(state).set(state == now)
        to.feed_connected.set(bool(relay.feed_connected))
        to.database_answers.set(relay.database.answers and relay.runs)
        self._raise(to.feed_reconnects, "reconnects", max(0, self._feed.connections - 1))
        self._raise(to.mended, "mended", relay.database.filled)
        to.processes.set(1)

    def _raise(self, counter: Counter, name: str, value: float) -> None:
        """Let *counter* have counted *value*: it can only be added to."""
        before = self._brought.get(name, 0)
        if value != before:
            counter.inc(value - before)
            self._brought[name] = value
