"""Watches one product and its readers through a fault: is all as it was, and was all told?"""

import time
from concurrent.futures import ThreadPoolExecutor

import redis

from tests.faults.harness.fault import Fault
from tests.faults.harness.held import Held
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.product import ALL, Product
from tests.faults.harness.readers import Readers
from tests.support.tools import wait_for

PATIENCE_S = 60.0
"""After which what does not recover never will."""
LEAK_PATIENCE_S = 20.0
SLACK = Held(descriptors=8, connections=0, threads=1, greenlets=12, rss=32)
"""How much more than at first a process may hold. The web's memory grows by the ticks that
it keeps for those who return."""
STRAGGLERS = 10
"""Connections beyond one for each reader: of those who just came back."""
CLIENTS = 10
"""Redis connections beyond those at first: of jobs that run just now."""


class Watch:
    """What was true at first, to be held against what is true after each fault."""

    def __init__(self, product: Product, readers: Readers) -> None:
        self.product = product
        self.readers = readers
        self.told = 0
        """How many ticks readers were told that they had missed, all together."""
        self._processes = self._kinds()
        self._first = product.held()
        most_connections = len(readers.all) + STRAGGLERS
        self._most = {
            name: held.plus(SLACK)._replace(connections=most_connections)
            for name, held in self._first.items()
        }
        self._most_clients = self._redis_clients() + CLIENTS
        product.fresh_lines()

    def try_out(self, fault: Fault) -> str:
        """Let *fault* happen; return its row of docs/testing.md's table.

        Raises `AssertionError` if anything is not as promised, or not soon enough.
        """
        seconds = self.recovery(fault)
        self.check()
        assert seconds <= fault.within
        return f"| {fault.name} | {fault.sees} | {seconds:.1f} | 0 |"

    def recovery(self, *faults: Fault) -> float:
        """Let *faults* happen at once; return the seconds until all is live again.

        That is when every reader has a tick that was committed after the last was mended.
        """
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda fault: fault.act(self.product), faults))
        mended, last = time.monotonic(), self.product.committed()[-1]
        wait_for(lambda: self.product.committed()[-1] > last, PATIENCE_S, "a new tick")
        fresh = next(id for id in self.product.committed() if id > last)
        try:
            wait_for(lambda: self.readers.have(fresh), PATIENCE_S)
        except AssertionError:
            behind = [(r.kind, r.last, r.connections) for r in self.readers.behind(fresh)]
            raise AssertionError(f"{len(behind)} readers lack {fresh}: {behind[:3]}") from None
        return time.monotonic() - mended

    def check(self) -> None:
        """Raise `AssertionError` with all that since the last was not as promised."""
        ledger = Ledger()
        ledger.look(self.readers.all, self.product.committed)
        self.told += ledger.told
        found = ledger.remarks
        if ledger.told and self.product.replay >= ALL:
            found.append(f"{ledger.told} ticks were told to be missing, though all are kept")
        tracebacks = [line for line in self.product.fresh_lines() if "Traceback" in line]
        found += self._leaks() + [f"in a log: {line[:2000]}" for line in tracebacks[:3]]
        assert not found, "\n".join(found)

    def balance(self) -> str:
        """Return what each process held at first, and holds now."""
        now = self.product.held()
        return "\n".join(f"{name}: {first} → {now[name]}" for name, first in self._first.items())

    def _leaks(self) -> list[str]:
        """Return what is still too much after a while."""
        ends_at = time.monotonic() + LEAK_PATIENCE_S
        while (found := self._excess()) and time.monotonic() < ends_at:
            time.sleep(0.1)
        return found

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
        if (clients := self._redis_clients()) > self._most_clients:
            found.append(f"Redis: {clients} clients, at most {self._most_clients} expected")
        return found

    def _kinds(self) -> dict[str, int]:
        return {kind: len(pids) for kind, pids in self.product.processes().items()}

    def _redis_clients(self) -> int:
        with redis.Redis.from_url(self.product.redis.url) as client:
            return int(client.info("clients")["connected_clients"])
