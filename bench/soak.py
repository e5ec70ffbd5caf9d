"""The soak: the whole product under steady load and steady restarts, for as long as one likes.

`make soak`, or `python -m bench.soak --help`. Readers stay, or come and go; pages and
prices are requested; the web is reloaded, worker and scheduler are restarted,
Redis hangs up. Throughout, the ledger is kept, and what each process holds is
written down. At the end there are a picture and a table, and the status is 1 if a
tick was lost or doubled, a traceback logged, or more grew than was allowed.
"""

import argparse
import math
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench import machine, process
from bench.chart import Panel, svg
from bench.growth import MEASURES, MEGABYTE, Growth, Sample, excess, growth, of_kinds
from bench.steady import Pace, Steady
from tests.faults.harness.held import held
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.product import INTERVAL, Product
from tests.faults.harness.readers import Readers
from tests.support.tools import wait_for
from tracker.config import ROOT

REPLAY = 120
"""Ticks kept for returning readers: few, so that the full buffer does not look like growth."""
AUDIT_EVERY = 15.0
"""Seconds between two looks at the ledger."""
PATIENCE = 60.0
"""Seconds at the end for every reader to have the last tick."""
STRAGGLERS = 10
"""Connections beyond one for each reader: of readers that have just returned."""
SHORT_LIVED = {"work horse", "launcher", "output reader"}
TITLES = {
    "memory": "Memory of each kind of process, MB resident",
    "descriptors": "Descriptors of each kind of process, but for readers' connections",
    "connections": "Readers connected",
}

Found = Mapping[str, Mapping[str, Growth]]
"""The growth of each kind of process, by what grows."""


class Options(NamedTuple):
    """What the command line says; times in seconds."""

    seconds: float
    readers: int
    out: Path
    pace: Pace
    sample: float
    warm_up: float
    most: Mapping[str, float]
    """What each measure may grow by per hour."""


class Soak:
    """One run's findings."""

    def __init__(self, product: Product, readers: Readers, steady: Steady) -> None:
        self._product, self._readers, self._steady = product, readers, steady
        self.samples: list[Sample] = []
        self.ledger = Ledger()

    def last(self, seconds: float, every: float) -> float:
        """Watch for *seconds*, until Ctrl-C, or until a restart fails; return how long it was."""
        age, audit_at = self._steady.age, AUDIT_EVERY
        with suppress(KeyboardInterrupt):
            for number in count():
                due = min(number * every, seconds)
                if self._steady.over.wait(max(0, due - age())) or age() >= seconds:
                    break
                self._sample(age())
                if age() > audit_at:
                    self.ledger.look(self._readers.all, self._product.committed)
                    audit_at = age() + AUDIT_EVERY
                    _say(f"{age() / 60:.1f} min: {told(self.ledger)}")
        return age()

    def end(self) -> list[str]:
        """Close the ledger when all readers have the newest tick; return what is wrong besides."""
        newest = self._product.committed()[-1]
        with suppress(AssertionError):
            wait_for(lambda: self._readers.have(newest), PATIENCE)
        self.ledger.look(self._readers.all, self._product.committed)
        due = [id for id in self._product.committed() if id <= newest]
        self.ledger.close(self._readers.all, due)
        lines = self._product.fresh_lines()
        troubles = [f"in a log: {line}" for line in lines if "Traceback" in line][:3]
        try:
            wait_for(self._has_no_stray_connections, PATIENCE)
        except AssertionError:
            troubles.append("more connections are open than there are readers")
        return troubles

    def _sample(self, at: float) -> None:
        for kind, pids in self._product.processes().items():
            for pid in pids if kind not in SHORT_LIVED else ():
                with suppress(OSError):  # it has just ended
                    self.samples.append(self._sampled(at, kind, pid))

    def _sampled(self, at: float, kind: str, pid: int) -> Sample:
        now = held(pid, port=self._product.port)
        memory = process.resident(pid) / MEGABYTE
        return Sample(at, kind, pid, memory, now.descriptors, now.connections, now.threads)

    def _has_no_stray_connections(self) -> bool:
        servers = self._product.web_workers()
        with suppress(OSError):
            open_now = sum(held(pid, port=self._product.port).connections for pid in servers)
            return open_now <= len(self._readers.all) + STRAGGLERS
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the status to exit with."""
    if not sys.platform.startswith("linux"):
        sys.exit("What processes hold is read from Linux's /proc: run it there")
    options = _parse(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        Product(Path(folder), replay=REPLAY) as product,
        Readers(product.port, options.readers) as readers,
    ):
        first = product.committed()[-1]
        wait_for(lambda: readers.have(first), PATIENCE, "all readers to have a tick")
        with Steady(product, options.pace) as steady:
            soak = Soak(product, readers, steady)
            lasted = soak.last(options.seconds, options.sample)
        troubles = [*steady.troubles, *soak.end()]
        ticks = len(product.committed())
    _say("")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    title = f"A soak of {lasted / 60:.3g} minutes with {options.readers} readers"
    options.out.write_text(svg(title, panels(soak.samples), steady.marks, until=lasted))
    found = {name: growth(soak.samples, name, warm_up=options.warm_up) for name in MEASURES}
    paragraphs = [*machine.description()[:2], *summary(steady, lasted), _ledger(ticks, soak.ledger)]
    print("\n\n".join([*paragraphs, table(found), f"The picture is {options.out}."]))
    return verdict([*troubles, *wrong(soak.ledger, found, options.most)])


def panels(samples: Sequence[Sample]) -> list[Panel]:
    """Return what there is to see of *samples*."""
    serving = [sample for sample in samples if sample.kind == "server"]
    return [
        Panel(title, of_kinds(serving if name == "connections" else samples, name))
        for name, title in TITLES.items()
    ]


def summary(steady: Steady, lasted: float) -> list[str]:
    """Return what happened, in sentences."""
    restarts = Counter(mark.what for mark in steady.marks)
    happened = ", ".join(f"{number} × {what}" for what, number in restarts.items()) or "none"
    answers = ", ".join(f"{number} × {status}" for status, number in steady.answers.most_common())
    return [
        f"{lasted / 60:.1f} minutes, a tick every {INTERVAL} s. Restarts: {happened}.",
        f"Answers to visitors: {answers}.",
    ]


def table(found: Found) -> str:
    """Return, for each kind of process and thing, how much it has and how it grows, in Markdown."""
    head = ["process", *(f"{name} | an hour | in one life" for name in MEASURES)]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * 3 * len(MEASURES)}"]
    for kind in found[MEASURES[0]]:
        cells = [_cells(found[name].get(kind), name) for name in MEASURES]
        lines.append(f"| {' | '.join([kind, *cells])} |")
    return "\n".join(lines)


def wrong(ledger: Ledger, found: Found, most: Mapping[str, float]) -> list[str]:
    """Return a line for each promise that was not kept."""
    lines = list(ledger.remarks)
    for name, limit in most.items():
        lines += [f"{name} of {one}" for one in excess(found[name], limit)]
    return lines


def verdict(lines: Sequence[str]) -> int:
    """Print what is wrong; return the status to exit with."""
    for line in lines:
        print(f"FAIL: {line}")
    return 1 if lines else 0


def told(ledger: Ledger) -> str:
    """Return what became of the ticks."""
    return (
        f"{ledger.delivered:,} delivered, {ledger.lost} lost, {ledger.told} missed and reported,"
        f" {ledger.doubled} doubled, {ledger.invented} invented"
    )


def _ledger(ticks: int, ledger: Ledger) -> str:
    return f"{ticks:,} ticks committed; {told(ledger)}."


def _cells(grown: Growth | None, name: str) -> str:
    if grown is None:
        return "– | – | –"
    unit = " MB" if name == "memory" else ""
    per_hour = ["–" if one is None else f"{one:+.1f}{unit}" for one in grown[1:]]
    return " | ".join([f"{grown.usual:.0f}{unit}", *per_hour])


def _parse(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)

    def number(flag: str, default: float, what: str) -> None:
        shown = "no limit" if default == math.inf else f"{default:g}"
        parser.add_argument(flag, type=float, default=default, help=f"{what}; default {shown}")

    number("--minutes", 10, "for how long")
    parser.add_argument("--readers", type=int, default=500, help="how many; default 500")
    out = ROOT / "instance" / "soak.svg"
    parser.add_argument("--out", type=Path, default=out, help="the picture; instance/soak.svg")
    number("--hup", 120, "seconds between two reloads of the web, 0: none")
    number("--restart", 90, "seconds between two restarts of worker and scheduler, 0: none")
    number("--cut", 75, "seconds between two cuts of Redis's connections, 0: none")
    number("--sample", 5, "seconds between two looks at what the processes hold")
    number("--warm-up", 150, "seconds that do not count; at most a quarter of all")
    for name, most in zip(MEASURES, (math.inf, 10, 10), strict=True):
        number(f"--most-{name}", most, f"how much more {name} of a kind of process per hour")
    wanted = parser.parse_args(arguments)
    seconds = wanted.minutes * 60
    return Options(
        seconds=seconds,
        readers=wanted.readers,
        out=wanted.out,
        pace=Pace(wanted.hup, wanted.restart, wanted.cut),
        sample=wanted.sample,
        warm_up=min(wanted.warm_up, seconds / 4),
        most={name: getattr(wanted, f"most_{name}") for name in MEASURES},
    )


def _say(what: str) -> None:
    """Show on a terminal what is going on, in one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it with its picture
    sys.exit(main())
