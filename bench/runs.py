"""One contender under load: it fills with readers, takes its turns, gets them back.

The trap: what is measured once is measured with the others idle, and what is
measured in turns with their sockets in the kernel beside it. Both are alike for
all, so only ratios within one run mean anything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import process
from bench.contenders import Contender
from bench.errors import CannotRunError
from bench.readers import Delivery, Latencies, Opened, Readers
from bench.ticks import Market, frame
from tracker.market.quotes import Tick

WARM_READERS = 50
WARM_TICKS = 5
FILL_TICKS = 180
"""Ticks that one returning reader is sent at once: more than the kernel holds for it."""
MISSED = 5
"""Ticks that are published while all readers are away."""
RETURN_SECONDS = 30.0
GONE_PAUSE = 0.5
"""Seconds without a further descriptor closed after which no more will be."""
RELAY_PAUSE = 0.5
"""Seconds within which a tick that nobody reads has reached the replay buffer."""


@dataclass
class Turn:
    """One contender's part of one round: CPU in µs per delivered event."""

    cpu: float
    size: float
    latencies: Latencies


@dataclass
class Result:
    """What was found of one contender with *readers* readers."""

    contender: Contender
    readers: int = 0
    memory: float | None = None
    """Bytes that the server's processes grew by, per idle reader."""
    connects: float | None = None
    """Readers taken in per second."""
    returned: float | None = None
    """Seconds until all readers, returning at once, had the newest tick."""
    turns: list[Turn] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """The median over rounds of the CPU per event, in µs."""
        return median(turn.cpu for turn in self.turns)

    @property
    def size(self) -> float:
        """The bytes per event."""
        return median(turn.size for turn in self.turns)

    @property
    def p50(self) -> float:
        """The median over rounds of the median latency, in ms."""
        return median(turn.latencies.p50 for turn in self.turns)

    @property
    def p99(self) -> float:
        """The median over rounds of the 99th percentile, in ms."""
        return median(turn.latencies.p99 for turn in self.turns)

    @property
    def worst(self) -> float:
        """The longest latency of all, in ms."""
        return max(turn.latencies.max for turn in self.turns)

    def cpu_against(self, other: Result) -> float:
        """Return the median of the rounds' CPU ratios: what disturbs a round, disturbs both."""
        return median(a.cpu / b.cpu for a, b in zip(self.turns, other.turns, strict=False))


class Run:
    """A contender with its server and its readers, for a `with` block."""

    def __init__(self, contender: Contender, client: list[str], market: Market) -> None:
        self.contender = contender
        self.result = Result(contender)
        self.failed = False
        self._client = client
        self._market = market
        self._ids: list[int] = []
        self._stack = ExitStack()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def start(self, directory: Path) -> None:
        """Start its server and warm it up: what is needed once is not counted."""
        directory.mkdir()
        self._server = self.contender.make(directory)
        self._stack.callback(self._server.stop)
        self._server.start()
        self._readers = Readers(
            self._client,
            self._server.port,
            gzip=self.contender.gzip,
            head=self._server.answers_at_once,
        )
        self._stack.callback(self._readers.end)
        self._readers.ask_for(self.contender.requests())
        self._open(WARM_READERS)
        for _ in range(FILL_TICKS if self.contender.stalled else WARM_TICKS):
            self._deliver(self._market.tick())
        self._leave()

    def fill(self, count: int) -> None:
        """Open *count* readers; find how fast they come and what an idle one costs."""
        before = process.memory(self._server.pids)
        opened = self._open(count)
        self._readers.settle()
        self.result.memory = (process.memory(self._server.pids) - before) / max(1, opened.opened)
        if self._server.answers_at_once:
            self.result.connects = opened.opened / opened.seconds
        self._warm_up(count)

    def take_turn(self, ticks: Sequence[Tick]) -> None:
        """Deliver *ticks*, one after the other, to all."""
        if self.contender.stalled:
            self._stall()
        self._readers.settle()
        before = process.cpu(self._server.pids)
        got = [self._deliver(tick) for tick in ticks]
        cpu = process.cpu(self._server.pids) - before
        events = sum(delivery.events for delivery in got)
        if not events:
            raise CannotRunError("no event reached a reader")
        size = sum(delivery.size for delivery in got) / events
        self.result.turns.append(Turn(cpu / events, size, self._readers.latencies()))

    def return_all(self) -> None:
        """Let all readers go, and all come back at once for what they missed."""
        count = self.result.readers
        self._leave()
        last_seen = self._ids[-1]
        missed = [self._market.tick() for _ in range(MISSED)]
        for tick in missed:
            self._publish(tick)
        time.sleep(RELAY_PAUSE)
        self._readers.ask_for(self.contender.requests(last_seen))

        def come_back() -> None:
            self._readers.open(count, at_once=count, timeout=RETURN_SECONDS)

        got = self._readers.deliver(missed[-1].id, come_back)
        took = self._readers.latencies().max / 1000
        if got.events < count:
            self.result.remarks.append(f"{got.events:,} of {count:,} came back in time")
        elif got.size < count * sum(len(frame(tick)) for tick in missed):
            self.result.remarks.append("a returning reader did not get all that it had missed")
        else:
            self.result.returned = took

    def _open(self, count: int) -> Opened:
        opened = self._readers.open(count)
        self._server.expect(opened.opened)
        if opened.failed:
            self.result.remarks.append(f"{opened.failed:,} of {count:,} readers were not taken in")
        return opened

    def _warm_up(self, count: int) -> None:
        """Deliver a tick that is not counted, to see which readers are there."""
        delivery = self._deliver(self._market.tick())
        self._readers.latencies()
        self.result.readers = delivery.events
        if delivery.events < count and not self.result.remarks:
            self.result.remarks.append(f"{delivery.events:,} of {count:,} readers got events")

    def _leave(self) -> None:
        """Let all readers go and wait until the server has closed what it closes then."""
        self._readers.close()
        before = -1
        while before != (before := process.descriptors(self._server.pids)):
            time.sleep(GONE_PAUSE)

    def _stall(self) -> None:
        """Add the reader that never reads, and so much to read that its socket is full."""
        behind = self._ids[-FILL_TICKS]
        self._readers.ask_for(self.contender.requests(behind))
        self._readers.stall()

    def _deliver(self, tick: Tick) -> Delivery:
        return self._readers.deliver(tick.id, lambda: self._publish(tick))

    def _publish(self, tick: Tick) -> None:
        self._server.publish(tick)
        self._ids.append(tick.id)
