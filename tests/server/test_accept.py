"""Accepting connections while no descriptor is left, in the real web process."""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from pathlib import Path

from flask import Flask

from tests.conftest import SettingsFactory
from tests.support.tools import wait_for
from tests.support.web_process import Web, request, tick


def test_newcomers_wait_for_a_descriptor_and_readers_read_on(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    tick(app)
    with Web(settings(), tmp_path / "web.log") as web, ExitStack() as stack:
        reader = stack.enter_context(request(web.port))
        wait_for(lambda: b"event: prices" in reader.recv(65536))
        (pid,) = web.workers
        highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
        for _ in range(5):
            stack.enter_context(request(web.port))
        wait_for(lambda: "a connection has to wait" in web.child.output)
        newest = tick(app)
        wait_for(lambda: str(newest.id).encode() in reader.recv(65536))

        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert web.get("/api/prices")[0].status == 200
        assert "Traceback" not in web.child.output
        assert web.child.output.count("a connection has to wait") <= 2
