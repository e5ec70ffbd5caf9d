"""The rivals from PyPI: each with its newest release, in an environment of its own.

The environments are made once, under .venv, where neither git nor the linters look.
"""

import importlib.metadata
import os
import subprocess
import sys
import time
from pathlib import Path

import redis

from bench.errors import CannotRunError
from bench.servers import HOURS, Posted, Server
from dev.embedded_redis import EmbeddedRedis
from tracker.config import ROOT
from tracker.market.quotes import Tick

ENVIRONMENTS = ROOT / ".venv" / "bench"
APPS = Path(__file__).parent / "rivals"
INSTALL_SECONDS = 300
SUBSCRIBE_SECONDS = 20.0


class SseStarlette(Posted):
    """sse-starlette in uvicorn on uvloop."""

    packages = ("sse-starlette>=3", "uvicorn", "uvloop", "httptools")

    def start(self) -> None:
        """Install it, and start it."""
        python = environment("sse-starlette", self.packages)
        command = [str(python), "-m", "uvicorn", "starlette_app:app", "--app-dir", str(APPS)]
        options = ["--port", str(self.port), "--loop", "uvloop", "--no-access-log"]
        limits = ["--backlog", "4096", "--timeout-keep-alive", str(HOURS)]
        self._run([*command, *options, *limits, "--log-level", "warning"])


class FlaskSse(Server):
    """flask-sse in gunicorn's gevent worker, with a Redis of its own."""

    packages = ("flask-sse", "gunicorn", "gevent", "packaging")
    answers_at_once = False

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._redis = EmbeddedRedis()

    def start(self) -> None:
        """Install it, and start it."""
        python = environment("flask-sse", self.packages)
        self._redis.start()
        command = [str(python), "-m", "gunicorn", "flask_app:app", "--chdir", str(APPS)]
        options = ["--bind", f"127.0.0.1:{self.port}", "--worker-class", "gevent"]
        limits = ["--worker-connections", "20000", "--backlog", "4096", "--timeout", str(HOURS)]
        nothing_of_ours = ["--config", os.devnull]
        env = os.environ | {"REDIS_URL": self._redis.url}
        self._run([*command, *options, *limits, *nothing_of_ours], env)
        self._client = redis.Redis.from_url(self._redis.url)

    def publish(self, tick: Tick) -> None:
        """Publish what `sse.publish` would."""
        message = f'{{"data":{tick.to_json()},"type":"prices","id":{tick.id}}}'
        self._client.publish("sse", message)

    def expect(self, readers: int) -> None:
        """Wait until Redis has a subscription for each of *readers*."""
        deadline = time.monotonic() + SUBSCRIBE_SECONDS
        while self._client.pubsub_numsub("sse")[0][1] < readers and time.monotonic() < deadline:
            time.sleep(0.1)

    def stop(self) -> None:
        """End gunicorn, then its Redis."""
        super().stop()
        self._redis.stop()


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment with *packages*. Raises `CannotRunError`."""
    folder = ENVIRONMENTS / name
    done = folder / "done"
    python = folder / "bin" / "python"
    if not done.exists():
        print(f"Installing (once) {name} …", file=sys.stderr)
        _call([sys.executable, "-m", "venv", "--clear", str(folder)], name)
        _call([str(python), "-m", "pip", "install", "--quiet", "--no-input", *packages], name)
        done.touch()
    return python


def version(name: str) -> str:
    """Return the version of *name* in its environment."""
    places = [str(place) for place in (ENVIRONMENTS / name).glob("lib/*/site-packages")]
    found = importlib.metadata.distributions(name=name, path=places)
    return next((distribution.version for distribution in found), "not installed")


def _call(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{name} was not installed within {INSTALL_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise CannotRunError(f"{name} could not be installed: {lines[-1]}")
