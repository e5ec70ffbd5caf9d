"""Watches one product and its readers through a fault: is all as it was, and was all told?"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tests.faults.harness.fault import Fault
from tests.faults.harness.held import Held
from tests.faults.harness.ledger import accounts, complaints
from tests.faults.harness.product import Product
from tests.faults.harness.readers import Readers
from tests.support.tools import wait_for

PATIENCE = 60.0
"""Seconds after which what does not recover never will."""
SLACK = Held(descriptors=8, connections=0, threads=1, greenlets=12, rss=32)
"""How much more than at first a process may hold. The web's memory grows by the ticks that
it keeps for those who return."""
STRAGGLERS = 10
"""Connections beyond one for each reader: of those who just came back."""
ALL = 1000
"""Ticks: more than come while a product runs here."""
CLIENTS = 10
"""Redis connections beyond those at first: of jobs that run just now."""


class Watch:
    """What was true at first, to be held against what is true after each fault."""

    def __init__(self, product: Product, readers: Readers) -> None:
        self.product = product
        self._may_be_told = product.replay < ALL
        self.readers = readers
        self.told = 0
        """How many ticks readers were told that they had missed, all together."""
        self._processes = self._kinds()
        self._first = product.held()
        self._most = {
            name: held.plus(SLACK)._replace(connections=len(readers.all) + STRAGGLERS)
            for name, held in self._first.items()
        }
        self._clients = self._redis_clients() + CLIENTS
        product.fresh_lines()

    def recovery(self, *faults: Fault) -> float:
        """Let *faults* happen at once; return the seconds until all is live again.

        That is when every reader has a tick that was committed after the last was mended.
        """
        _all_at_once(self.product, faults)
        mended, last = time.monotonic(), self.product.committed()[-1]
        wait_for(lambda: self.product.committed()[-1] > last, PATIENCE, "a new tick")
        fresh = next(id for id in self.product.committed() if id > last)
        try:
            wait_for(lambda: self.readers.have(fresh), PATIENCE)
        except AssertionError:
            behind = [(r.kind, r.last, r.connections) for r in self.readers.behind(fresh)]
            raise AssertionError(f"{len(behind)} readers lack {fresh}: {behind[:3]}") from None
        return time.monotonic() - mended

    def check(self) -> None:
        """Raise `AssertionError` with all that since the last was not as promised."""
        readers = self.readers.all
        counts = [len(reader.got) for reader in readers]
        of_each = accounts(readers, self.product.committed)
        self.told += sum(len(account.told) for account in of_each)
        found = complaints(readers, of_each, may_be_told=self._may_be_told)
        for reader, count in zip(readers, counts, strict=True):
            reader.forget(count)
        found += self._leaks() + self._tracebacks()
        assert not found, "\n".join(found)

    def balance(self) -> str:
        """Return what each process held at first, and holds now."""
        now = self.product.held()
        return "\n".join(f"{name}: {first.until(now[name])}" for name, first in self._first.items())

    def _leaks(self) -> list[str]:
        """Return what is still too much after a while."""
        found: list[str] = []

        def is_back() -> bool:
            found[:] = self._excess()
            return not found

        try:
            wait_for(is_back, 20)
        except AssertionError:
            return found
        return []

    def _excess(self) -> list[str]:
        if (kinds := self._kinds()) != self._processes:
            return [f"processes: {kinds}, at first {self._processes}"]
        try:
            now = self.product.held()
        except OSError:
            return ["a process is ending"]
        found = [
            f"{name}: {line}"
            for name, held in now.items()
            for line in held.beyond(self._most[name])
        ]
        if (clients := self._redis_clients()) > self._clients:
            found.append(f"Redis: {clients} clients, at most {self._clients} expected")
        return found

    def _kinds(self) -> dict[str, int]:
        processes = self.product.processes()
        return {kind: len(pids) for kind, pids in sorted(processes.items()) if kind != "work horse"}

    def _redis_clients(self) -> int:
        with self.product.redis_client() as client:
            return int(client.info("clients")["connected_clients"])

    def _tracebacks(self) -> list[str]:
        lines = self.product.fresh_lines()
        return [f"in a log: {line[:2000]}" for line in lines if "Traceback" in line][:3]


def _all_at_once(product: Product, faults: Sequence[Fault]) -> None:
    """Let *faults* happen side by side; raise what the first of them raised."""
    raised: list[BaseException] = []

    def act(fault: Fault) -> None:
        try:
            fault.act(product)
        except BaseException as error:  # noqa: BLE001 - raised below
            raised.append(error)

    threads = [threading.Thread(target=act, args=(fault,), name=fault.name) for fault in faults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
