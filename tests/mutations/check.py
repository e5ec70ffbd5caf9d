"""Tries mutations, each in a copy of the tree: what is worked on meanwhile is left alone.

A copy has what git knows or would take, and the tree's `.venv` by a link.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from tests.mutations.mutation import Mutation

AT_ONCE = (os.cpu_count() or 1) * 3 // 2
"""Copies that are broken side by side: as many as the tests' own workers, for the same reason."""
TEST_LIMIT = 60
"""Seconds for one test: a mutation may let it wait for ever."""
LIMIT = 240.0
"""Seconds for pytest itself."""
LAST_LIMIT = 20.0
"""Seconds in which it ends once it is asked to."""

_HUNG = re.compile(r"^E +Failed: Timeout", re.MULTILINE)

Outcome = Literal["caught", "hung", "SURVIVED", "DOES NOT MATCH", "DID NOT RUN"]


class Verdict(NamedTuple):
    """What became of a mutation, after so many *seconds*; *output* is pytest's."""

    mutation: Mutation
    outcome: Outcome
    seconds: float
    output: str = ""

    @property
    def is_good(self) -> bool:
        """Whether a test noticed, in the way it was said to."""
        return self.outcome == "caught" or (self.outcome == "hung" and self.mutation.hangs)


class Ran(NamedTuple):
    """How pytest ended, None if it had to be ended, and what it printed."""

    status: int | None
    output: str


def try_all(mutations: Sequence[Mutation], root: Path) -> Iterator[Verdict]:
    """Yield the verdict on each of *mutations* of the tree at *root*, as they come."""
    with TemporaryDirectory(prefix="mutations.") as folder:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            free.put(copy(root, Path(folder) / str(number)))

        def in_a_copy(mutation: Mutation) -> Verdict:
            mine = free.get()
            try:
                return try_one(mutation, mine)
            finally:
                free.put(mine)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in as_completed([pool.submit(in_a_copy, mutation) for mutation in mutations]):
                yield done.result()


def try_unbroken(mutations: Iterable[Mutation], root: Path) -> Ran:
    """Run all their tests in a copy that nobody has broken: its status is 0 if they pass."""
    with TemporaryDirectory(prefix="mutations.") as folder:
        wanted = sorted({mutation.caught_by for mutation in mutations})
        return run_tests(wanted, copy(root, Path(folder) / "unbroken"), "-n", str(AT_ONCE))


def try_one(mutation: Mutation, root: Path) -> Verdict:
    """Break the tree at *root*, run the test, and mend it."""
    if not mutation.matches(root):
        return Verdict(mutation, "DOES NOT MATCH", 0)
    path = root / mutation.file
    whole = path.read_bytes()
    began_at = time.monotonic()
    mutation.apply(root)
    try:
        ran = run_tests([mutation.caught_by], root, "-n0", "-x")
    finally:
        path.write_bytes(whole)
    return Verdict(mutation, outcome_of(ran), time.monotonic() - began_at, ran.output)


def outcome_of(ran: Ran) -> Outcome:
    """Return what pytest's end says; any but 0 and 1 is that no test ran (its exit codes)."""
    if ran.status is None or (ran.status == 1 and _HUNG.search(ran.output)):
        return "hung"
    told: dict[int, Outcome] = {0: "SURVIVED", 1: "caught"}
    return told.get(ran.status, "DID NOT RUN")


def run_tests(tests: list[str], root: Path, *options: str) -> Ran:
    """Run *tests* in the tree at *root*."""
    # Byte code is looked up by time and size, which a mutation may leave as they were.
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [str(python_of(root)), "-m", "pytest", "-q", f"--timeout={TEST_LIMIT}", *options, *tests],
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return Ran(None, _end(process))
    return Ran(process.returncode, output)


def python_of(root: Path) -> Path:
    """Return the Python of the tree at *root*, or else this one."""
    own = root / ".venv" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def copy(root: Path, to: Path) -> Path:
    """Copy what git knows or would take of the tree at *root*."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)
    if (root / ".venv").is_dir():
        (to / ".venv").symlink_to((root / ".venv").resolve())
    return to


def _end(process: subprocess.Popen[str]) -> str:
    """End pytest so that its tests clear up after them, if they can; return what it printed."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=LAST_LIMIT)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]
