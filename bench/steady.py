"""The steady load of a soak: page requests, and regular restarts of everything.

The trap: an error in a thread would go unnoticed and the soak would pass, so it is
kept, and ends the soak.
"""

import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from types import TracebackType
from typing import NamedTuple, Self

from bench.chart import Mark
from tests.faults.breaks import redis_server
from tests.faults.harness.product import Product
from tests.support.tools import wait_for

PAGES = (
    "/cryptos/",
    "/api/prices",
    "/cryptos/bitcoin",
    "/api/coins/bitcoin/history",
    "/api/history?coins=bitcoin,ethereum",
    "/metrics",
    "/healthz",
)
PAGE_EVERY = 0.5
"""Seconds between two requests."""
PATIENCE = 60.0
"""Seconds for a new web process."""


class Pace(NamedTuple):
    """Seconds between two restarts of each kind; 0: none."""

    hup: float
    restart: float
    cut: float


class Steady:
    """Visitors and restarts, in threads of their own, for a `with` block."""

    def __init__(self, product: Product, pace: Pace) -> None:
        self._product = product
        self._begun = time.monotonic()
        self._plan: tuple[tuple[float, str, Callable[[], None]], ...] = (
            (pace.hup, "HUP of the web", self._reload_web),
            (pace.restart, "worker and scheduler restarted", self._restart_workers),
            (pace.cut, "Redis cut off for 4 s", lambda: redis_server.cut(product)),
        )
        self._threads = [
            threading.Thread(target=self._restart_for_ever, name="restarts"),
            threading.Thread(target=self._ask_for_ever, name="visitors"),
        ]
        self.over = threading.Event()
        """Set at the end, or when a restart failed."""
        self.marks: list[Mark] = []
        self.answers: Counter[str] = Counter()
        """How often each status, or error, was the answer to a visitor."""
        self.troubles: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def age(self) -> float:
        """Return for how many seconds it has run."""
        return time.monotonic() - self._begun

    def _restart_for_ever(self) -> None:
        due = [every or float("inf") for every, _, _ in self._plan]
        while not self.over.wait(0.1):
            for number, (every, what, act) in enumerate(self._plan):
                if due[number] <= self.age():
                    due[number] = self.age() + every
                    self._restart(what, act)

    def _restart(self, what: str, act: Callable[[], None]) -> None:
        self.marks.append(Mark(self.age(), what))
        try:
            act()
        except Exception as error:  # noqa: BLE001 - printed at the end
            self.troubles.append(f"{what}: {error!r}")
            self.over.set()

    def _reload_web(self) -> None:
        before = set(self._product.web_workers())
        os.kill(self._product.pid("web"), signal.SIGHUP)
        wait_for(lambda: set(self._product.web_workers()) - before, PATIENCE, "a new web process")

    def _restart_workers(self) -> None:
        for name in ("worker", "scheduler"):
            os.kill(self._product.pid(name), signal.SIGTERM)
        for name in ("worker", "scheduler"):
            self._product.revive(name)

    def _ask_for_ever(self) -> None:
        for page in cycle(PAGES):
            if self.over.wait(PAGE_EVERY):
                return
            self.answers[self._ask(page)] += 1

    def _ask(self, page: str) -> str:
        """Return the status of the answer, or what went wrong, as it is counted."""
        connection = http.client.HTTPConnection("127.0.0.1", self._product.port, timeout=10)
        try:
            connection.request("GET", page)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        else:
            return str(response.status)
        finally:
            connection.close()
