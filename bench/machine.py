"""What machine this is, in a few lines: figures without it say nothing."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

from bench import venvs

OURS = ("gevent", "gunicorn", "Flask")


def description() -> list[str]:
    """Return the machine, the system, and the versions of what is compared."""
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    python = f"Python {platform.python_version()}"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in OURS]
    rivals = [f"{name} {venvs.version(name)}" for name in ("sse-starlette", "flask-sse")]
    return [
        f"{_cpu_model()}, {os.cpu_count()} cores, load {load}",
        f"{platform.system()} {platform.release()}, {python}, {', '.join(versions)}",
        ", ".join([_nginx(), *rivals]),
    ]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _nginx() -> str:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if nginx is None:
        return "no nginx"
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True).stderr
    return said.strip().rpartition(" ")[2].replace("/", " ")
