"""What the web processes take of the machine, together, from Linux's /proc.

prometheus_client has these numbers too, but only of the process that is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from tracker.monitoring.instruments import is_shared

_AFTER_NAME = 2
"""In /proc/<pid>/stat, fields are counted from 1, and the first two end with the name's `)`."""
_USER_TIME, _SYSTEM_TIME, _BEGAN = 14, 15, 22
"""Fields of /proc/<pid>/stat, in ticks of the clock (proc(5))."""


def pids() -> list[int]:
    """Return the web processes that live: each has a file of its numbers."""
    if not is_shared():
        return [os.getpid()]
    files = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_livesum_*.db")
    return [int(file.stem.rpartition("_")[2]) for file in files]


def collect() -> Iterator[Metric]:
    """Yield the families; none where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        return
    found = [numbers for pid in pids() if (numbers := _numbers(pid))]
    memory, descriptors, cpu, began = zip(*found, strict=True) if found else ((), (), (), ())
    yield GaugeMetricFamily(
        "process_resident_memory_bytes", "Memory of the web processes", sum(memory)
    )
    yield GaugeMetricFamily(
        "process_open_fds", "Descriptors open in the web processes", sum(descriptors)
    )
    yield CounterMetricFamily(
        "process_cpu_seconds", "CPU time of the web processes that live", sum(cpu)
    )
    yield GaugeMetricFamily(
        "process_start_time_seconds", "When the youngest web process began", max(began, default=0)
    )


def _numbers(pid: int) -> tuple[float, float, float, float] | None:
    """Return memory in bytes, descriptors, CPU seconds and when it began; None if it is gone."""
    home = Path(f"/proc/{pid}")
    try:
        pages = int((home / "statm").read_text().split()[1])
        after_name = (home / "stat").read_text().rpartition(")")[2].split()
        descriptors = len(os.listdir(home / "fd"))
    except (OSError, IndexError):
        return None
    tick = os.sysconf("SC_CLK_TCK")
    user, system, began = (
        int(after_name[field - _AFTER_NAME - 1]) / tick
        for field in (_USER_TIME, _SYSTEM_TIME, _BEGAN)
    )
    return pages * os.sysconf("SC_PAGE_SIZE"), descriptors, user + system, _booted_at() + began


def _booted_at() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))
