"""Hundreds of readers of one stream, each returning as a browser's EventSource does.

Some read slowly, some hang up in the middle of a word and come back; all keep
what they got, in order: a tick's id, or what they were told to have missed.
"""

import asyncio
import json
import random
import socket
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

from tests.conformance.wire import Parser, Transcript

Kind = Literal["steady", "gzip", "some", "slow", "restless"]
MIX: tuple[Kind, ...] = ("steady",) * 5 + ("gzip",) * 2 + ("some", "slow", "restless")
HEAD_LIMIT_S = 15.0
"""For a connection and its head, after which a reader tries again."""
LOST_AFTER_S = 25.0
"""Without a byte, heartbeats included, after which a reader gives up a connection."""


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
    retry_s: float = 1.0

    @property
    def last(self) -> int:
        """The id of the newest tick it has; 0 when none."""
        return next((got.id for got in reversed(self.got) if got.what == "tick"), 0)

    def request(self, port: int) -> bytes:
        """Return what it asks."""
        query = "?coins=bitcoin" if self.kind == "some" else ""
        lines = [f"GET /stream{query} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += ["Accept: text/event-stream"]
        lines += ["Accept-Encoding: gzip"] if self.kind == "gzip" else []
        lines += [f"Last-Event-ID: {self.last}"] if self.last else []
        return "\r\n".join([*lines, "", ""]).encode()

    def keep(self, said: Transcript) -> None:
        """Keep what the stream *said*."""
        for event in said.events:
            if event.type == "prices":
                self.got.append(Got("tick", int(event.id or 0)))
            elif event.type == "resume" and not (verdict := json.loads(event.data))["recovered"]:
                self.got.append(Got("gap_after", int(verdict["last_event_id"])))
        for retry in said.retries:
            self.retry_s = int(retry) / 1000
        self.faults += said.faults


class Readers:
    """A crowd on *port*, in an event loop of a thread of its own; for a `with` block."""

    def __init__(self, port: int, count: int, *, seed: int = 1) -> None:
        self._address = ("127.0.0.1", port)
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="readers")
        self.away_s = 0.0
        """For how long a restless reader stays away at most, beyond what it was told."""
        self.all = [Reader(MIX[number % len(MIX)]) for number in range(count)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def have(self, id: int) -> bool:
        """Return whether all readers have the tick *id* or a later one."""
        return not self.behind(id)

    def behind(self, id: int) -> list[Reader]:
        """Return those who have not."""
        return [reader for reader in self.all if reader.last < id]

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # ends what goes on
            runner.run(self._read())

    async def _read(self) -> None:
        # Kept, for the loop itself does not.
        self._tasks = [self._loop.create_task(self._read_for_ever(one)) for one in self.all]
        await self._over.wait()

    async def _read_for_ever(self, reader: Reader) -> None:
        await asyncio.sleep(self._random.uniform(0, 1))
        while True:
            with suppress(OSError, EOFError, TimeoutError, ValueError, zlib.error):
                await self._read_once(reader)
            pause_s = min(reader.retry_s, 2) * self._random.uniform(0.5, 1)
            if reader.kind == "restless":
                pause_s += self._random.uniform(0, self.away_s)
            await asyncio.sleep(pause_s)

    async def _read_once(self, reader: Reader) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            if reader.kind == "slow":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with asyncio.timeout(HEAD_LIMIT_S):
                await self._loop.sock_connect(sock, self._address)
                await self._loop.sock_sendall(sock, reader.request(self._address[1]))
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += await self._some(sock)
            head, _, body = answer.partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 200"):
                reader.connections += 1
                stays_s = self._random.uniform(0.5, 6) if reader.kind == "restless" else None
                async with asyncio.timeout(stays_s):
                    await self._read_body(reader, sock, body)

    async def _read_body(self, reader: Reader, sock: socket.socket, data: bytes) -> None:
        parser = Parser()
        gunzip = zlib.decompressobj(31) if reader.kind == "gzip" else None
        while True:
            parser.feed(gunzip.decompress(data) if gunzip else data)
            reader.keep(parser.transcript)
            parser.transcript = Transcript()
            if reader.kind == "slow":
                await asyncio.sleep(0.2)
            async with asyncio.timeout(LOST_AFTER_S):
                data = await self._some(sock, 4096 if reader.kind == "slow" else 65536)

    async def _some(self, sock: socket.socket, most: int = 65536) -> bytes:
        data = await self._loop.sock_recv(sock, most)
        if not data:
            raise EOFError
        return data
