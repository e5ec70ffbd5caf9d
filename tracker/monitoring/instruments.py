"""The numbers of one web process that are noted as things happen, and how all are made.

A gauge's mode says what those of the living processes make together. Labels
have few values, whatever clients request.
"""

import os
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tracker.relay import Broadcast

prometheus_client.disable_created_metrics()

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""A broadcast to 10,000 readers takes about a tenth of a second."""


def is_shared() -> bool:
    """Return whether the numbers of several processes are put together."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


class Instruments:
    """Makes the numbers of one process, and keeps those of requests and broadcasts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._where: Any = {"registry": None if is_shared() else self.registry}
        name, help = "tracker_broadcast_duration_seconds", "Seconds to write a tick to all readers"
        self.broadcasts = self._histogram(name, help)
        help = "Seconds from a tick's publication by the worker to the end of its broadcast"
        self.latency = self._histogram("tracker_delivery_latency_seconds", help)
        labels = ("endpoint", "method", "status")
        self.requests = self.counter("tracker_http_requests_total", "Requests answered", *labels)
        name = "tracker_http_request_duration_seconds"
        help = "Seconds until a request was answered; of a stream, until it began"
        self.request_seconds = self._histogram(name, help, "endpoint")

    def on_broadcast(self, broadcast: Broadcast) -> None:
        """Note what a broadcast took."""
        self.broadcasts.observe(broadcast.seconds)
        if broadcast.latency is not None:
            self.latency.observe(broadcast.latency)

    def gauge(self, name: str, help: str, mode: Any, *labels: str) -> Gauge:
        """Return a new gauge."""
        return Gauge(name, help, labels, multiprocess_mode=mode, **self._where)

    def counter(self, name: str, help: str, *labels: str) -> Counter:
        """Return a new counter."""
        return Counter(name, help, labels, **self._where)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(name, help, labels, buckets=BUCKETS_S, **self._where)
