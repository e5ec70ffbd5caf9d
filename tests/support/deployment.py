"""Hosts to deploy to: copies of the product that share nothing, and a Redis behind TLS.

A host runs the Procfile's lines, word for word, as a platform would. The TLS is
ended by a proxy of the tests' own, since not every redis-server has it, with a
certificate that it signed itself, as Heroku's.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from honcho.environ import parse_procfile

from tests.support.tools import ROOT, Child

PRODUCT = (
    "Procfile", "gunicorn.conf.py", "wsgi.py",
    "migrations", "static", "templates", "tracker", "worker",
)  # fmt: skip
"""What is deployed."""


class Host:
    """A folder with the product in it, and the processes started there."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder / "app"
        self.env = env
        self._logs = folder
        self.folder.mkdir(parents=True)
        for name in PRODUCT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.folder / name)

    def start(self, name: str, **changed: str) -> Child:
        """Start the Procfile's line *name*."""
        lines = parse_procfile((self.folder / "Procfile").read_text()).processes
        log = self._logs / f"{name}-{len(list(self._logs.iterdir()))}.log"
        command = ("sh", "-c", f"exec {lines[name]}")
        return Child(*command, env=self.env | changed, log=log, cwd=self.folder)


class TlsProxy:
    """A TLS server before the plain one on *port*, for a `with` block."""

    def __init__(self, port: int, folder: Path) -> None:
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*self_signed(folder))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls")
        self._tasks: set[asyncio.Task[None]] = set()
        self.accepted = 0

    def __enter__(self) -> Self:
        self._thread.start()
        begun = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(begun, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, ours: asyncio.StreamReader, to_us: asyncio.StreamWriter) -> None:
        self.accepted += 1
        theirs, to_them = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(ours, to_them))
                group.create_task(_pump(theirs, to_us))
        except* (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the proxy is
        finally:
            to_us.transport.abort()
            to_them.transport.abort()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    raise ConnectionResetError("one side is gone: so is the other")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Return the files of a new certificate that nobody else signed, and of its key."""
    certificate, key = folder / "redis.crt", folder / "redis.key"
    new = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=redis"]
    with suppress(FileExistsError):
        folder.mkdir()
    subprocess.run(
        ["openssl", "req", *new, "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )
    return certificate, key
