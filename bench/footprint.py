"""What the whole product costs while nobody looks: CPU of a tick and memory, by process.

`python -m bench.footprint` runs a copy of the product as `make run` does, with stand-ins of
CoinGecko and the exchanges and a tick every second, for 10 coins and for 250. CPU is user and
system time of all processes and of their children that have ended, over the ticks of the same
time, in which CoinGecko is asked and ticks are rolled up as often as by default. Memory is
proportional, shared pages count once, and soon after the start: the replay buffer fills later.
"""

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bench import process
from bench.goals import Goal
from bench.machine import description
from dev.embedded_redis import free_port
from tests.faults.harness.held import role_of
from tests.support import fake_coingecko, fake_exchanges
from tests.support.deployment import PRODUCT
from tests.support.tools import LAUNCHERS_GRACE_S, Child, environment, wait_for
from tracker.config import ROOT, Settings
from tracker.market.coins import Coins

CPU_GOALS = {10: 20.0, 250: 45.0}
"""CPU milliseconds of a tick, by the number of coins."""
MEMORY_GOAL = 170.0
"""Megabytes of all processes, with 10 coins."""
WARM_TICKS = 15
START_S = 60.0
MEGABYTE = 1024 * 1024
ROLES = (
    ("redis-server", "Redis", "Redis"),
    ("gunicorn", "web: gunicorn's master", "web: the process that serves"),
    ("-m worker.scheduler", "scheduler", "scheduler"),
    ("-m worker", "worker", "job"),
    ("-m dev.run", "launcher", "launcher's readers of output"),
)
"""What is in a command line, and what that process is: alone, or as the child of its like."""


class MovingExchanges(fake_exchanges.Exchanges):
    """Exchanges whose prices are others at each request."""

    def answer(self, venue: str, path: str, query: dict[str, str]) -> fake_exchanges.Answer:
        """Return what *venue* answers to *path*."""
        self.off[venue] = 1 + Decimal(self.asked[venue] % 100) / 10_000
        return super().answer(venue, path, query)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What each process costs: CPU in ms a tick, and memory in MB."""

    ticks: int
    cpu: Mapping[str, float]
    memory: Mapping[str, float]

    def table(self) -> str:
        """Return a line for each process, and their sums."""
        names = sorted(self.memory, key=lambda name: -self.memory[name])
        rows = [(name, self.cpu.get(name, 0), self.memory[name]) for name in names]
        rows.append((f"all, over {self.ticks} ticks", self.cpu_sum, self.memory_sum))
        head = f"{'':30}{'CPU ms a tick':>14}{'MB (Pss)':>10}"
        return "\n".join([head, *(f"{name:30}{cpu:14.1f}{mb:10.1f}" for name, cpu, mb in rows)])

    @property
    def cpu_sum(self) -> float:
        """The CPU of a tick in all processes."""
        return sum(self.cpu.values())

    @property
    def memory_sum(self) -> float:
        """The memory of all processes."""
        return sum(self.memory.values())


def main() -> None:
    """Measure each number of coins, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--coins", type=int, nargs="*", default=[*CPU_GOALS], help="10 250")
    parser.add_argument("--seconds", type=float, default=60, help="of each; default 60")
    options = parser.parse_args()
    print(description()[0])
    for coins in options.coins:
        print(f"\n{coins} coins, a tick every second")
        found = measure(coins, options.seconds)
        print(found.table())
        print(*goals(coins, found), sep="\n")


def goals(coins: int, found: Footprint) -> list[Goal]:
    """Return what is promised of so many *coins*, and whether *found* keeps it."""
    most, cpu, memory = CPU_GOALS.get(coins), found.cpu_sum, found.memory_sum
    goals = []
    if most is not None:
        goals.append(Goal(f"at most {most:g} ms CPU a tick", f"{cpu:.1f} ms", cpu <= most))
    if coins == min(CPU_GOALS):
        kept = memory <= MEMORY_GOAL
        goals.append(Goal(f"at most {MEMORY_GOAL:g} MB in all", f"{memory:.0f} MB", kept))
    return goals


def measure(coins: int, seconds: float) -> Footprint:
    """Run the product with so many *coins* and watch it for *seconds*, once it is warm."""
    with fake_coingecko.CoinGecko() as gecko:
        gecko.coins += [
            fake_coingecko.coin(f"coin-{n}", f"c{n}", price=f"{n}.25", rank=n)
            for n in range(len(gecko.coins) + 1, coins + 1)
        ]
        prices = {one["symbol"].upper(): str(one["current_price"]) for one in gecko.coins}
        settings = Settings(
            coins=Coins(coins), interval=1, coingecko_url=gecko.url, port=free_port()
        )
        with MovingExchanges(**prices) as exchanges, launched(settings, exchanges) as product:
            pid, database = product
            is_warm = lambda: len(_ticks(database)) > WARM_TICKS  # noqa: E731
            wait_for(is_warm, START_S, "the product to be warm")
            return _watched(pid, database, seconds)


@contextmanager
def launched(settings: Settings, exchanges: fake_exchanges.Exchanges) -> Iterator[tuple[int, Path]]:
    """Run a copy of the product as `make run` does; give the launcher's id and the database."""
    with tempfile.TemporaryDirectory(prefix="footprint-") as name:
        folder = Path(name)
        for part in (*PRODUCT, "dev"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        env = environment(settings, **exchanges.urls(), TRACKER_EXCHANGES="")
        with Child(
            "-m", "dev.run", env=env, log=folder / "log", cwd=folder, grace_s=LAUNCHERS_GRACE_S
        ) as launcher:
            yield launcher.process.pid, folder / "instance" / "tracker.db"


def _watched(launcher: int, database: Path, seconds: float) -> Footprint:
    first, before = _ticks(database)[-1], _cpu(launcher)
    time.sleep(seconds)
    after, ticks = _cpu(launcher), sum(id > first for id in _ticks(database))
    after.subtract(before)
    cpu = {role: spent / 1000 / ticks for role, spent in after.items()}
    memory: Counter[str] = Counter()
    for pid, role in _roles(launcher).items():
        memory[role] += process.memory([pid])
    return Footprint(ticks, cpu, {role: size / MEGABYTE for role, size in memory.items()})


def _cpu(launcher: int) -> Counter[str]:
    """Return the CPU time that the processes and their ended children have had, in µs."""
    spent: Counter[str] = Counter()
    for pid, role in _roles(launcher).items():
        spent[role] += round(process.cpu([pid], with_children=True))
    return spent


def _roles(launcher: int) -> dict[int, str]:
    """Return the product's processes, and what each of them is."""
    return {pid: role_of(pid, ROLES) or "shells" for pid in process.family(launcher)}


def _ticks(database: Path) -> list[int]:
    """Return the ids of the ticks that are stored, in order; none before the tables are."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection,
    ):
        return [id for (id,) in connection.execute("SELECT id FROM tick ORDER BY id")]
    return []


if __name__ == "__main__":
    main()
