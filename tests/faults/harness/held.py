"""What a process holds of the machine, read from Linux's /proc, and when it is too much."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
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

    def plus(self, slack: Held) -> Held:
        """Return this much and *slack* more."""
        return Held(*map(int.__add__, self, slack))


def held(pid: int, *, port: int, greenlets: int = 0) -> Held:
    """Return what the process *pid* holds, which may serve *port*. Raises `OSError`."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(os.readlink(descriptor))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    served = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    connections = len(served.intersection(links))
    return Held(
        descriptors=len(links) - connections,
        connections=connections,
        threads=_status(pid, "Threads"),
        greenlets=greenlets,
        rss=_status(pid, "VmRSS") // 1024,
    )


def descendants(pid: int) -> list[int]:
    """Return the ids of the children of *pid*, and of theirs."""
    children: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [each for child in children for each in (child, *descendants(child))]


def command(pid: int) -> str:
    """Return the command line of *pid*, `` when it is gone, or the shell that began another."""
    with suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        return "" if line.startswith("/bin/sh ") else line
    return ""


def parent(pid: int) -> int:
    """Return the id of the parent of *pid*, 0 when it is gone."""
    with suppress(OSError):
        return _status(pid, "PPid")
    return 0


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise ProcessLookupError("it is ending: the kernel has taken its memory back")


def role_of(pid: int, programs: Iterable[tuple[str, str, str]]) -> str:
    """Return what the process *pid* is of *programs*; `` when it is gone, or a shell.

    Each has what is in a command line, and what it is: alone, or as the child of its like.
    """
    for program, alone, child in programs:
        if program in command(pid):
            return child if program in command(parent(pid)) else alone
    return ""
