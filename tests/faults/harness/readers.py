"""Hundreds of readers of one stream, each returning as a browser's EventSource does.

Some read slowly, some hang up in the middle of a word and come back; all keep
what they got, in order: a tick's id, or what they were told to have missed.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
import zlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

from tests.conformance.wire import Parser

Kind = Literal["steady", "gzip", "some", "slow", "restless"]
MIX: tuple[Kind, ...] = ("steady",) * 5 + ("gzip",) * 2 + ("some",) + ("slow",) + ("restless",)
HEAD_LIMIT = 15.0
"""Seconds for a connection and its head, after which a reader tries again."""
LOST_AFTER = 25.0
"""Seconds without a byte, heartbeats included, after which a reader gives up a connection."""


class Got(NamedTuple):
    """One thing a reader got: a tick's *id*, or `gap_after` that id."""

    what: Literal["tick", "gap_after"]
    id: int


@dataclass(slots=True)
class Reader:
    """One reader and what it got."""

    kind: Kind
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    faults: list[str] = field(default_factory=list)
    retry: float = 1.0

    @property
    def last(self) -> int:
        """The id of the newest tick it has; 0 when none."""
        return next((got.id for got in reversed(self.got) if got.what == "tick"), 0)

    def forget(self, count: int) -> None:
        """Forget of its first *count* what came before the newest tick, and what was wrong."""
        ticks = [number for number, got in enumerate(self.got[:count]) if got.what == "tick"]
        del self.got[: ticks[-1] if ticks else 0], self.faults[:]

    def request(self, port: int) -> bytes:
        """Return what it asks."""
        query = "?coins=bitcoin" if self.kind == "some" else ""
        lines = [
            f"GET /stream{query} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Accept: text/event-stream",
        ]
        lines += ["Accept-Encoding: gzip"] if self.kind == "gzip" else []
        lines += [f"Last-Event-ID: {self.last}"] if self.last else []
        return "\r\n".join([*lines, "", ""]).encode()


class Readers:
    """A crowd on *port*, in an event loop of a thread of its own; for a `with` block."""

    def __init__(self, port: int, count: int, *, seed: int = 1) -> None:
        self._port = port
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="readers")
        self._tasks: list[asyncio.Task[None]] = []
        self.away = 0.0
        """Seconds that a restless reader stays away at most, beyond what it was told."""
        self.all = [Reader(MIX[number % len(MIX)]) for number in range(count)]

    def __enter__(self) -> Self:
        self._thread.start()
        for reader in self.all:
            self._spawn(lambda reader=reader: self._read_for_ever(reader))  # type: ignore[misc]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def have(self, id: int) -> bool:
        """Return whether all readers have the tick *id* or a later one."""
        return all(reader.last >= id for reader in self.all)

    def behind(self, id: int) -> list[Reader]:
        """Return those who have not."""
        return [reader for reader in self.all if reader.last < id]

    def _spawn(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loop.call_soon_threadsafe(lambda: self._tasks.append(self._loop.create_task(make())))

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_for_ever(self, reader: Reader) -> None:
        await asyncio.sleep(self._random.uniform(0, 1))
        while True:
            with suppress(OSError, EOFError, TimeoutError, ValueError, zlib.error):
                await self._read_once(reader)
            await asyncio.sleep(min(reader.retry, 2) * self._random.uniform(0.5, 1))
            if reader.kind == "restless":
                await asyncio.sleep(self._random.uniform(0, self.away))

    async def _read_once(self, reader: Reader) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if reader.kind == "slow":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            async with asyncio.timeout(HEAD_LIMIT):
                await self._loop.sock_connect(sock, ("127.0.0.1", self._port))
                await self._loop.sock_sendall(sock, reader.request(self._port))
                head, rest = await self._head(sock)
            if not head.startswith(b"HTTP/1.1 200"):
                return
            reader.connections += 1
            await self._body(reader, sock, rest)
        finally:
            sock.close()

    async def _head(self, sock: socket.socket) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await self._some(sock, 65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    async def _body(self, reader: Reader, sock: socket.socket, data: bytes) -> None:
        parser, seen = Parser(), 0
        gunzip = zlib.decompressobj(31) if reader.kind == "gzip" else None
        ends = (
            self._loop.time() + self._random.uniform(0.5, 6) if reader.kind == "restless" else None
        )
        while ends is None or self._loop.time() < ends:
            parser.feed(gunzip.decompress(data) if gunzip else data)
            seen = self._keep(reader, parser, seen)
            if reader.kind == "slow":
                await asyncio.sleep(0.2)
            async with asyncio.timeout(LOST_AFTER):
                data = await self._some(sock, 4096 if reader.kind == "slow" else 65536)

    async def _some(self, sock: socket.socket, most: int) -> bytes:
        data = await self._loop.sock_recv(sock, most)
        if not data:
            raise EOFError
        return data

    def _keep(self, reader: Reader, parser: Parser, seen: int) -> int:
        said = parser.transcript
        for event in said.events[seen:]:
            body = json.loads(event.data) if event.type == "resume" else {}
            if event.type == "prices":
                reader.got.append(Got("tick", int(event.id or 0)))
            elif event.type == "resume" and not body["recovered"]:
                reader.got.append(Got("gap_after", int(body["last_event_id"])))
        if said.retries:
            reader.retry = int(said.retries[-1]) / 1000
        reader.faults += said.faults
        said.faults.clear()
        count = len(said.events)
        if count > 100:
            said.events.clear()
            count = 0
        return count
