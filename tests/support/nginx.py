"""A real nginx with the project's own site, on ports of a test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from dev.embedded_redis import free_port
from tests.support.tools import ROOT, wait_for

SITE = ROOT / "deploy" / "nginx.conf"
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    include {folder}/site.conf;
}}
"""


def program() -> str | None:
    """Return nginx's path; Debian's is not on every user's PATH."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))


class Nginx:
    """nginx in front of the web on *upstream*, for a `with` block; *changed* lines of the site."""

    def __init__(self, upstream: int, folder: Path, **changed: str) -> None:
        self.port = free_port()
        folder.mkdir()
        site = SITE.read_text()
        changes = {
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "listen [::]:80;": "",
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        }
        for name, value in changed.items():
            line = next(line for line in site.splitlines() if line.strip().startswith(name))
            changes[line] = f"    {name} {value};"
        for old, new in changes.items():
            assert site.count(old) == 1, old
            site = site.replace(old, new)
        (folder / "site.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
        self._folder = folder
        self._command = [program() or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]

    def check(self) -> str:
        """Return what `nginx -t` says; it raises if it does not like the site."""
        asked = [*self._command, "-t", "-q"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, start_new_session=True)
        wait_for(self._answers, 10, "nginx to listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    @property
    def errors(self) -> str:
        """What it has logged."""
        return (self._folder / "error.log").read_text()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.errors
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0
