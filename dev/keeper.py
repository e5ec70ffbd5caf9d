"""The launcher's executor: ends what it started if it cannot do so itself.

A launcher that is killed with -9 ends nothing, and its children lead groups of
their own. So it starts `python -m dev.keeper` and keeps the other end of its
standard input: at the end of file the keeper ends every group it was told of.
The trap: process ids are used again, so a launcher that has ended its children
must dismiss the keeper, not just hang up.

Knows nothing but ids and directories: one `group <id>` or `tree <path>` a line.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

GRACE = 5.0
"""Seconds between asking the groups to end and ending them."""


class Keeper:
    """The launcher's side, for a `with` block: tell it what must not stay behind."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dev.keeper"],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.PIPE,
            start_new_session=True,  # what is aimed at the launcher's group must miss the keeper
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def group(self, leader: int | None) -> None:
        """Keep an eye on the process group that *leader* leads."""
        self._tell(f"group {leader}\n")

    def tree(self, directory: Path | None) -> None:
        """Keep an eye on *directory*, to remove it with all in it."""
        self._tell(f"tree {directory}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # someone ended the keeper: the launcher does without
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def main(lines: IO[str]) -> None:
    """Read *lines* until their writer is gone, then end and remove what they named."""
    groups, trees = [], []
    for line in lines:
        word, value = line.rstrip("\n").split(" ", 1)
        if word == "group":
            groups.append(int(value))
        else:
            trees.append(value)
    end(groups)
    for tree in trees:
        shutil.rmtree(tree, ignore_errors=True)


def end(groups: list[int]) -> None:
    """Ask all *groups* to end; after `GRACE` end those that are left."""
    deadline = time.monotonic() + GRACE
    alive = [group for group in groups if signal_group(group, signal.SIGTERM)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = [group for group in alive if signal_group(group, 0)]
    for group in alive:
        signal_group(group, signal.SIGKILL)


def signal_group(leader: int, number: int) -> bool:
    """Send signal *number* to *leader*'s group; return whether there is one.

    Number 0 only asks. macOS denies a group of which only zombies are left.
    """
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main(sys.stdin)
