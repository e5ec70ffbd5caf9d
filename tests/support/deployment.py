"""Hosts to deploy to: copies of the product that share nothing, and a certificate for TLS.

A host runs the Procfile's lines, word for word, as a platform would.
"""

import shutil
import subprocess
from pathlib import Path

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


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Return the files of a new certificate that nobody else signed, and of its key."""
    certificate, key = folder / "redis.crt", folder / "redis.key"
    new = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=redis"]
    command = ["openssl", "req", *new, "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
