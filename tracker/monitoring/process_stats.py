"""What the web processes take of the machine, together.

prometheus_client has these numbers of one process at a time; none where there is no /proc.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from tracker.monitoring import multiproc_dir
from tracker.monitoring.instruments import is_shared


def pids() -> list[int]:
    """Return the web processes that live: each has a file of its numbers."""
    if not is_shared():
        return [os.getpid()]
    files = multiproc_dir.files("gauge_livesum_*.db")
    return [int(file.stem.rpartition("_")[2]) for file in files]


def collect() -> Iterator[Metric]:
    """Yield the families."""
    found: dict[str, list[float]] = defaultdict(list)
    for pid in pids():
        for family in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            found[family.name].append(family.samples[0].value)
    for name, help in (
        ("process_resident_memory_bytes", "Memory of the web processes"),
        ("process_open_fds", "Descriptors open in the web processes"),
    ):
        if found[name]:
            yield GaugeMetricFamily(name, help, sum(found[name]))
    if cpu := found["process_cpu_seconds"]:
        help = "CPU time of the web processes that live"
        yield CounterMetricFamily("process_cpu_seconds", help, sum(cpu))
    if began := found["process_start_time_seconds"]:
        help = "When the youngest web process began"
        yield GaugeMetricFamily("process_start_time_seconds", help, max(began))
