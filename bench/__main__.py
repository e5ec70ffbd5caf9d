"""Runs the benchmarks and prints one table: `python -m bench --help`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from bench import machine, readers, report
from bench.contenders import CONTENDERS, Contender
from bench.errors import FAILURES
from bench.report import Level
from bench.runs import Run
from bench.ticks import Market
from tracker.config import ROOT

EVENTS = 50_000
"""Delivered events per turn: the kernel counts CPU time in steps of 10 ms."""
TICKS = (5, 50)
"""Ticks per turn: at least, at most."""


class Bench:
    """One run of all: a failure becomes a remark, and the others continue."""

    def __init__(self, directory: Path, rounds: int) -> None:
        self._directory = directory
        self._rounds = rounds
        self._folders = count()
        self._client, remark = readers.client(directory)
        self._market = Market()
        self.remarks = [remark] if remark else []

    def level(self, size: int, contenders: Sequence[Contender]) -> Level:
        """Measure *contenders* with *size* readers each, in turns."""
        with ExitStack() as stack:
            runs = [Run(one, self._client, self._market) for one in contenders]
            for run in runs:
                stack.enter_context(run)
                _say(f"{size:,}: {run.contender.title}")
                self._try(run, run.start, self._directory / str(next(self._folders)))
                self._try(run, run.fill, min(size, run.contender.most or size))
            ticks = min(TICKS[1], max(TICKS[0], EVENTS // size))
            for turn in range(self._rounds):
                _say(f"{size:,}: round {turn + 1} of {self._rounds}")
                same = [self._market.tick() for _ in range(ticks)]
                for run in runs if turn % 2 else reversed(runs):  # none is always the first
                    self._try(run, run.take_turn, same)
            for run in runs:
                if run.contender.returns:
                    _say(f"{size:,}: all go and come back")
                    self._try(run, run.return_all)
        for run in runs:
            title = f"{size:,}, {run.contender.title}"
            self.remarks += [f"{title}: {remark}" for remark in run.result.remarks]
        return size, [run.result for run in runs]

    def _try(self, run: Run, step: Callable[..., None], *args: object) -> None:
        """Do *step*, unless an earlier one of *run* failed."""
        if run.failed:
            return
        try:
            step(*args)
        except FAILURES as error:
            run.failed = True
            run.result.remarks.append(f"left out from here: {error}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    wanted = _parse(arguments)
    contenders = [
        one
        for one in CONTENDERS
        if (not wanted.only or one.key in wanted.only) and not (wanted.no_rivals and one.from_pypi)
    ]
    begun = time.monotonic()
    levels: list[Level] = []
    most = readers.most()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        bench = Bench(Path(directory), wanted.rounds)
        for size in sorted(wanted.readers):
            if size > most:
                bench.remarks.append(f"{size:,} readers: ulimit -n allows {most:,}")
            able = min(size, most)
            new = [one for one in contenders if _is_new(one, able, levels)]
            levels.append(bench.level(able, new))
    _say("")
    print("\n".join(machine.description()), end="\n\n")
    print(report.plain(levels), end="\n\n")
    print(report.verdicts(levels))
    for remark in bench.remarks:
        print(f"- {remark}")
    print(f"({time.monotonic() - begun:.0f} s)")
    if wanted.write:
        report.write(wanted.write, report.markdown(levels, machine.description(), bench.remarks))


def _is_new(contender: Contender, size: int, levels: Sequence[Level]) -> bool:
    """Return whether *contender* has not had as many readers as it bears already."""
    return all(min(size, contender.most or size) > done for done, _ in levels)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    keys = [one.key for one in CONTENDERS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--readers", type=_numbers, default=[1000, 5000, 10_000], metavar="N,N,…")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each; default 5")
    parser.add_argument(
        "--only", type=_one_of(keys), default=[], metavar="KEY,…", help=f"of {', '.join(keys)}"
    )
    parser.add_argument("--no-rivals", action="store_true", help="nothing from PyPI")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=ROOT / "docs" / "performance.md",
        metavar="PATH",
        help="put the table into docs/performance.md, or PATH",
    )
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(number.replace("_", "")) for number in text.split(",")]


def _one_of(keys: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(keys):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(keys)}")
        return chosen

    return parse


def _say(what: str) -> None:
    """Show on a terminal what is going on, in one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
