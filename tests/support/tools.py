"""What tests of several rooms need: waiting, child processes, quotes.

Nothing here knows pytest.
"""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy

from tracker.config import Settings
from tracker.errors import SourceError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Quote, Tick
from tracker.storage.ticks import Saved, Store
from worker.aggregator import Aggregator
from worker.sources import Fetched, Source
from worker.venues.base import Trade
from worker.venues.exchanges import Exchanges

ROOT = Path(__file__).resolve().parents[2]

MINUTE = 60_000

LAUNCHERS_GRACE_S = 30
"""Longer than the launcher takes at most, which kills after 15 s what does not end."""

T = TypeVar("T")


def wait_for(condition: Callable[[], T], timeout: float = 30.0, what: str = "") -> T:
    """Return the first true value of *condition*; after *timeout* seconds `AssertionError`."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(0.01)
    return found


def is_gone(pid: int) -> bool:
    """Return whether *pid* runs no more; a zombie is gone, its new parent may be slow."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def script(path: Path, text: str) -> Path:
    """Write *text* as an executable shell script to *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def now_ms() -> int:
    """Return the time in unix milliseconds."""
    return time.time_ns() // 1_000_000


def quote(id: str = "bitcoin", price: str | Decimal = "97012.5", **rest: Any) -> Quote:
    """Return a quote of *id* whose other fields follow from it, unless *rest* has them."""
    named: dict[str, Any] = {"symbol": id[:3], "name": id.title(), "rank": 1} | rest
    return Quote(id=id, price=Decimal(price), **named)


def newest_of(store: Store) -> Tick | None:
    """Return the newest tick in *store*."""
    newest = store.newest(1)
    return newest[0] if newest else None


def save(
    store: Store, *quotes: Quote, at: int, min_gap: int = 0, told: int | None = None
) -> Saved | None:
    """Store *quotes*, of bitcoin if there are none, as the source's answer *at*."""

    def change(state: SourceState) -> SourceState:
        return succeeded(state, at)

    return store.save(quotes or [quote()], at=at, min_gap=min_gap, change=change, told=told)


def succeeded(state: SourceState, at: int, etag: str | None = None) -> SourceState:
    """Return *state* after an answer *at*, of a source that is asked once a minute."""
    return state.succeeded(at, next_attempt_at=at + MINUTE, stale_after=3 * MINUTE, etag=etag)


def fail(store: Store, reason: str, *, at: int, not_before: int | None = None) -> SourceState:
    """Store that the source failed *at*, for *reason*."""
    return store.change_state(
        lambda state: state.failed(
            at, reason, next_attempt_at=not_before or at + MINUTE, not_before=not_before
        )
    )


class Script:
    """A source that says what it was told to, one a fetch: quotes, an error, or None, unchanged."""

    name = "script"

    def __init__(self, *answers: Iterable[Quote] | Fetched | SourceError | None) -> None:
        self._answers = list(answers)
        self.fetched = 0
        self.asked: list[tuple[str | None, bool]] = []

    def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
        """Return or raise the next answer."""
        self.fetched += 1
        self.asked.append((etag, week))
        answer = self._answers.pop(0)
        if isinstance(answer, SourceError):
            raise answer
        return answer if isinstance(answer, Fetched | None) else Fetched(quotes=list(answer))


class Venue:
    """A venue whose prices in dollars are *prices*; None where it fails."""

    def __init__(self, name: str = "kraken", **prices: str) -> None:
        self.name = name
        self.prices: dict[str, str] | None = prices

    def fetch(self, symbols: Collection[str], currency: str) -> list[Trade]:
        """Return a trade of each price, or raise."""
        if self.prices is None:
            raise SourceError(f"{self.name} is down", kind="server")
        return [Trade(name, "USD", Decimal(price)) for name, price in self.prices.items()]


def alone(source: Source) -> Aggregator:
    """Return an aggregator of *source* without exchanges."""
    return Aggregator(source, Exchanges((), interval_s=1), "usd")


def environment(settings: Settings | None = None, **changed: str) -> dict[str, str]:
    """Return a child's environment: *settings* as their variables, nothing of ours but the PATH."""
    env = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    env["TRACKER_EXCHANGES"] = "none"  # a test asks no real exchange
    for field in fields(Settings) if settings else ():
        value = getattr(settings, field.name)
        if value is not None and value != field.default:
            env[field.metadata["env"]] = (
                ",".join(value) or "none" if isinstance(value, tuple) else str(value)
            )
    return env | changed


def tick_ids(settings: Settings) -> list[int]:
    """Return the ids of all ticks that *settings*' SQLite file has."""
    engine = sqlalchemy.create_engine(settings.database_url)
    try:
        with engine.connect() as database:
            return list(database.scalars(sqlalchemy.text("SELECT id FROM tick ORDER BY id")))
    finally:
        engine.dispose()


class Child:
    """`python -m …` or `-c …`, or any program of the venv, its output in a file: for a `with`.

    The block's end kills its group. A launcher has started other groups, which it ends only if it
    is asked to: it gets TERM first, and *grace_s* seconds, after which the block raises.
    """

    def __init__(
        self, *command: str, env: dict[str, str], log: Path, cwd: Path = ROOT, grace_s: float = 0
    ) -> None:
        program = [sys.executable, *command] if command[0] in ("-c", "-m") else command
        self.log = log
        self._grace_s = grace_s
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                program,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._grace_s and self.runs():
                os.killpg(self.process.pid, signal.SIGTERM)
                self.wait(self._grace_s)
        finally:
            if self.runs():
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def output(self) -> str:
        """What it has printed so far, on both streams."""
        return self.log.read_text(errors="replace")

    def runs(self) -> bool:
        """Return whether it has not ended."""
        return self.process.poll() is None

    def wait(self, timeout: float = 30) -> int:
        """Return its status once it has ended by itself."""
        return self.process.wait(timeout)

    def end(self, timeout: float = 30) -> int:
        """Ask it to end; return its status."""
        self.process.terminate()
        return self.wait(timeout)
