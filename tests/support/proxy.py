"""A TCP proxy that can cut, swallow and slow down what passes: a network that fails on request.

It runs an event loop in a thread of its own; all methods may be called from any thread. With
*certificate* (and its key) it also ends TLS, as a platform's Redis does.
"""

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from dev.embedded_redis import free_port


class Proxy:
    """Between clients of `port` and what listens on *target*, both on loopback."""

    def __init__(self, target: int, *, certificate: tuple[Path, Path] | None = None) -> None:
        self.port = free_port()
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._context and certificate:
            self._context.load_cert_chain(*certificate)
        self._delay_s = 0.0
        self._refuses = False
        self._passes = asyncio.Event()
        self._passes.set()
        self._accepted = 0
        self._silenced: set[int] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy to {target}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def cut(self) -> None:
        """End all connections with a reset and refuse new ones, until `mend`."""
        self._refuses = True
        self._loop.call_soon_threadsafe(self._reset_all)

    def swallow(self) -> None:
        """Let nothing pass: connections stay, packets vanish. Until `mend`."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def silence(self, number: int) -> None:
        """Let nothing pass any more on the connection that was accepted as *number* (from 0)."""
        self._silenced.add(number)

    def slow(self, seconds: float) -> None:
        """Hold each piece back for *seconds*, until `mend`."""
        self._delay_s = seconds

    def mend(self) -> None:
        """Let everything pass again; what was swallowed is gone with its connections."""
        self._refuses, self._delay_s = False, 0.0
        if not self._passes.is_set():
            self._loop.call_soon_threadsafe(self._reset_all)
        self._loop.call_soon_threadsafe(self._passes.set)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # ends what goes on
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._accept, sock=self._listener, ssl=self._context):
            await self._over.wait()
            self._reset_all()

    async def _accept(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        number, self._accepted = self._accepted, self._accepted + 1
        self._writers.add(to_near)
        try:
            if self._refuses:
                raise ConnectionRefusedError
            far, to_far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._reset(to_near)
            return
        self._writers.add(to_far)
        with suppress(asyncio.CancelledError):  # asyncio would log it as an error
            await asyncio.gather(self._pipe(near, to_far, number), self._pipe(far, to_near, number))

    async def _pipe(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, number: int
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._passes.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if number not in self._silenced:
                    sink.write(data)
                    await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.close()
        self._writers.discard(sink)

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            self._reset(writer)

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        if sock := writer.get_extra_info("socket"):  # else it is closed already
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
