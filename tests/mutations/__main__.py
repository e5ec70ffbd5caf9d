"""Break the code in each way of the list; ends with 1 if no test notices one of them.

Each is tried in a copy of the tree: what is worked on meanwhile is left alone.
Prints for each its name, its file, the test, and the seconds that it took.
"""
# ruff: noqa: T201

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tests.mutations.mutations import MUTATIONS, Mutation
from tests.support.tools import ROOT

AT_ONCE = (os.cpu_count() or 1) * 3 // 2
"""Copies that are broken side by side: as many as the tests' own workers, for the same reason."""
TEST_LIMIT = 60
"""Seconds for one test: a mutation may let it wait for ever."""
LIMIT = 240.0
"""Seconds for pytest itself."""
LAST_LIMIT = 20.0
"""Seconds in which it ends once it is asked to."""


def main() -> int:
    """Try what the command line names; return how the process ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of a mutation's name; all without any")
    parser.add_argument("--show", action="store_true", help="what pytest prints of each")
    options = parser.parse_args()
    words = [word.lower() for word in options.names or [""]]
    chosen = [one for one in MUTATIONS if any(word in one.name.lower() for word in words)]
    if not chosen:
        print(f"no mutation has any of these in its name: {', '.join(words)}")
        return 2
    with TemporaryDirectory(prefix="mutations.") as folder:
        trees = [copy_tree(Path(folder) / str(number)) for number in range(AT_ONCE)]
        tests = sorted({mutation.caught_by for mutation in chosen})
        status, output = run_tests(trees[0], *tests, "-n", str(AT_ONCE))
        if status != 0:
            print(f"{output}\nthese tests fail though nothing is broken: mend that first")
            return 1
        caught = try_all(chosen, trees, show=options.show)
    print(f"\n{caught} of {len(chosen)} mutations are noticed")
    return 0 if caught == len(chosen) else 1


def try_all(mutations: list[Mutation], trees: list[Path], *, show: bool) -> int:
    """Try *mutations* in *trees*, print what became of each, return how many are caught."""
    free: SimpleQueue[Path] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def try_in_a_free_tree(mutation: Mutation) -> bool:
        began_at, tree = time.monotonic(), free.get()
        try:
            outcome, output = try_one(mutation, tree)
        finally:
            free.put(tree)
        sign = "✔" if outcome == "caught" else "✘"
        seconds = time.monotonic() - began_at
        more = output if show or outcome != "caught" else ""
        print(
            f"{sign} {outcome:8} {seconds:5.1f} s  {mutation.name}\n"
            f"    {mutation.file}, caught by {mutation.caught_by}\n{more}",
            end="",
            flush=True,
        )
        return outcome == "caught"

    with ThreadPoolExecutor(len(trees)) as pool:
        tried = [pool.submit(try_in_a_free_tree, mutation) for mutation in mutations]
        return sum(one.result() for one in as_completed(tried))


def try_one(mutation: Mutation, tree: Path) -> tuple[str, str]:
    """Break *tree*, run the test and mend the tree; return the outcome and pytest's output."""
    path = tree / mutation.file
    whole = path.read_text()
    if whole.count(mutation.text) != 1:
        return "DOES NOT MATCH", ""
    path.write_text(whole.replace(mutation.text, mutation.broken))
    try:
        status, output = run_tests(tree, mutation.caught_by, "-n0", "-x")
    finally:
        path.write_text(whole)
    return outcome_of(status, output), output


def outcome_of(status: int | None, output: str) -> str:
    """Return what pytest's end says: a hang is no catch, nor is that no test ran."""
    if status is None or (status == 1 and re.search("^E +Failed: Timeout", output, re.MULTILINE)):
        return "HUNG"
    return {0: "SURVIVED", 1: "caught"}.get(status, "DID NOT RUN")


def run_tests(tree: Path, *arguments: str) -> tuple[int | None, str]:
    """Run pytest in *tree*; return its status, None if it had to be ended, and its output."""
    own = tree / ".venv" / "bin" / "python"
    python = own if own.exists() else sys.executable
    # Byte code is looked up by time and size, which a mutation may leave as they were.
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [python, "-m", "pytest", "-q", f"--timeout={TEST_LIMIT}", *arguments],
        cwd=tree,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # its tests clear up after them, if they can
        try:
            return None, process.communicate(timeout=LAST_LIMIT)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return None, process.communicate()[0]
    return process.returncode, output


def copy_tree(to: Path) -> Path:
    """Copy what git knows or would take of the project, and link its `.venv`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    if (ROOT / ".venv").is_dir():
        (to / ".venv").symlink_to((ROOT / ".venv").resolve())
    return to


if __name__ == "__main__":
    sys.exit(main())
