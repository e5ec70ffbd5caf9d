"""What the kernel knows of processes: CPU time, memory, descriptors (Linux, /proc)."""

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_TICK = 1e6 / os.sysconf("SC_CLK_TCK")
"""Microseconds in the unit that the kernel counts CPU time in (10 ms mostly)."""


def family(pid: int) -> list[int]:
    """Return *pid* and all its descendants."""
    found = [pid]
    for parent in found:
        for task in PROC.glob(f"{parent}/task/*/children"):
            found += [int(child) for child in _text(task).split()]
    return found


def cpu(pids: Iterable[int], *, with_children: bool = False) -> float:
    """Return the CPU time, user and system, that *pids* have had, in µs.

    *with_children* it is also that of their children that have ended.
    """
    return sum(_cpu_of(pid, with_children=with_children) for pid in pids)


def memory(pids: Iterable[int]) -> int:
    """Return the proportional memory of *pids* in bytes: shared pages count once."""
    return sum(_kilobytes(pid, "Pss:") for pid in pids) * 1024


def resident(pid: int) -> int:
    """Return the memory of *pid* in bytes, with what it shares: no neighbour's end moves it."""
    return _kilobytes(pid, "Rss:") * 1024


def descriptors(pids: Iterable[int]) -> int:
    """Return how many files and sockets *pids* have open."""
    return sum(len(os.listdir(PROC / str(pid) / "fd")) for pid in pids)


def _cpu_of(pid: int, *, with_children: bool) -> float:
    after_name = _text(PROC / str(pid) / "stat").rpartition(")")[2].split()
    # utime and stime, then cutime and cstime, proc(5)
    return sum(map(int, after_name[11 : 15 if with_children else 13])) * _TICK


def _kilobytes(pid: int, name: str) -> int:
    for line in _text(PROC / str(pid) / "smaps_rollup").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
