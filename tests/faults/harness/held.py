"""What a process holds of the machine, read from Linux's /proc, and when it is too much."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Held(NamedTuple):
    """What one process holds, or how much more of it is no leak."""

    descriptors: int
    """But for those of readers' connections."""
    connections: int
    """Descriptors of connections to the port that it serves."""
    threads: int
    greenlets: int
    rss: int
    """Megabytes."""

    def beyond(self, most: Held) -> list[str]:
        """Return a line for each thing that is more than *most*."""
        return [
            f"{name}: {now}, at most {limit} expected"
            for name, now, limit in zip(self._fields, self, most, strict=True)
            if now > limit
        ]

    def until(self, now: Held) -> str:
        """Return this and *now* in words."""
        pairs = zip(self._fields, self, now, strict=True)
        return ", ".join(f"{name} {before} → {after}" for name, before, after in pairs)

    def plus(self, slack: Held) -> Held:
        """Return this much and *slack* more."""
        return Held(*(mine + more for mine, more in zip(self, slack, strict=True)))


def held(pid: int, *, port: int, greenlets: int = 0) -> Held:
    """Return what the process *pid* holds, which may serve *port*. Raises `OSError`."""
    links = [_link(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    served = _inodes(port)
    connections = sum(1 for link in links if link in served)
    status = Path(f"/proc/{pid}/status").read_text()
    return Held(
        descriptors=len(links) - connections,
        connections=connections,
        threads=int(_field(status, "Threads")),
        greenlets=greenlets,
        rss=int(_field(status, "VmRSS")) // 1024,
    )


def descendants(pid: int) -> list[int]:
    """Return the ids of the children of *pid*, and of theirs."""
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [each for child in found for each in (child, *descendants(child))]


def command(pid: int) -> str:
    """Return the command line of *pid*, `` when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def parent(pid: int) -> int:
    """Return the id of the parent of *pid*, 0 when it is gone."""
    try:
        return int(_field(Path(f"/proc/{pid}/status").read_text(), "PPid"))
    except OSError:
        return 0


def _link(fd: Path) -> str:
    try:
        return os.readlink(fd)
    except FileNotFoundError:
        return ""


def _inodes(port: int) -> set[str]:
    """Return what the links of descriptors of connections to *port* say."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}


def _field(status: str, name: str) -> str:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return line.split()[1]
    raise ProcessLookupError("it is ending: the kernel has taken its memory back")
