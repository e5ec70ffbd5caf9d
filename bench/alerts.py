"""What 1,000 rules of alerts cost a tick, and how soon after a crossing its message is there.

`python -m bench.alerts` judges in the transaction that saves a tick, on SQLite: the CPU time of
that part alone. Then the product runs with a receiver and a tick a second, until `--crossings` of
a limit (0 for none) are told.
"""

import argparse
import calendar
import re
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, insert

from bench.goals import Goal
from bench.machine import description
from bench.ticks import Market
from dev.embedded_redis import EmbeddedRedis
from tests.conftest import migrate
from tests.support.fake_receiver import Receiver
from tests.support.tools import Child, environment, wait_for
from tracker import backend
from tracker.backend import Backend
from tracker.config import Settings
from tracker.market.alerts import Kind, Rule
from tracker.market.freshness import SourceState
from tracker.market.quotes import Quote, Tick
from tracker.market.rates import Rates
from tracker.storage.models import AlertRow
from tracker.times import now_ms

RULES = 1000
TICKS = 30
NOWHERE = "redis://127.0.0.1:1/0"
CPU_GOAL_MS = 10.0
LATENCY_GOAL_S = 2.0


def settings_in(folder: Path, **more: object) -> Settings:
    """Return the settings of a migrated SQLite file in *folder*."""
    url = f"sqlite:///{folder / 'tracker.db'}"
    migrate(url)
    base = Settings(database_url=url, source="simulated", interval=1, redis_url=NOWHERE)
    return replace(base, **more)  # type: ignore[arg-type]


def add_rules(its: Backend, quotes: tuple[Quote, ...]) -> None:
    """Store `RULES` rules, of all kinds and of two currencies, all armed and far away."""
    kinds: list[Kind] = ["above", "below", "rises", "moves", "above"]
    rows = []
    for number in range(RULES):
        kind, coin = kinds[number % 5], quotes[number % len(quotes)]
        far = {"above": coin.price * 5, "below": coin.price / 5}.get(kind, Decimal(90))
        currency = "eur" if number % 10 == 4 else "usd"
        rule = Rule(kind=kind, coin=coin.id, currency=currency, limit=round(far, 4), armed=True)
        values = {name: getattr(rule, name) for name in Rule.__dataclass_fields__ if name != "id"}
        rows.append(values | {"source": "simulated"})
    with its.engine.begin() as connection:
        connection.execute(insert(AlertRow), rows)
    its.alerts.add(Rule(kind="stale"), now_ms())


def judge(folder: Path) -> None:
    """Measure what judging costs: of ticks that fire nothing, and of one that fires all."""
    its = backend.build(settings_in(folder, notify="a=json://127.0.0.1:1/ b=json://127.0.0.1:1/"))
    market = Market()
    rates = Rates("usd", now_ms(), {"usd": Decimal(1), "eur": Decimal("0.9")})
    its.store.save_rates(rates)

    def save(quotes: tuple[Quote, ...]) -> float:
        spent = []

        def then(connection: Connection, tick: Tick, state: SourceState) -> None:
            begin = time.process_time()
            its.alerts.judge_tick(connection, tick, state, tick.id)
            spent.append((time.process_time() - begin) * 1000)

        its.store.save(quotes, at=now_ms(), change=lambda state: state, then=then)
        return spent[0]

    quotes = market.tick().quotes
    save(quotes)
    add_rules(its, quotes)
    first = save(market.tick().quotes)
    cpu_ms = [save(market.tick().quotes) for _ in range(TICKS)]
    median, most = statistics.median(cpu_ms), max(cpu_ms)
    found = f"{median:.1f} ms, at most {most:.1f} ms; {first:.0f} ms after a change of a rule"
    promise = f"{RULES} rules cost {CPU_GOAL_MS:g} ms CPU a tick"
    print(Goal(promise, found, median <= CPU_GOAL_MS), flush=True)
    all_fire = save(tuple(replace(one, price=one.price * 10) for one in quotes))
    print(f"- a tick at which {its.outbox.waiting()['a']} of them fire: {all_fire:.0f} ms")
    its.close()


def deliver(folder: Path, crossings: int) -> None:
    """Measure the time from a tick that crosses a limit to the message at its receiver."""
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        redis = stack.enter_context(EmbeddedRedis())
        its = settings_in(folder, redis_url=redis.url, notify=f"hook=json://{receiver.address}/")
        for name, module in (("worker", "worker"), ("scheduler", "worker.scheduler")):
            stack.enter_context(Child("-m", module, env=environment(its), log=folder / name))
        ours = backend.build(its)
        wait_for(lambda: ours.store.newest(1), 60, "the first tick")
        late_s = []
        for _ in range(crossings):
            before = len(receiver.received)
            coin = next(one for one in ours.store.newest(1)[0].quotes if one.rank == 1)
            for kind in ("above", "below"):
                rule = Rule(kind=kind, coin=coin.id, currency="usd", limit=coin.price, once=True)
                ours.alerts.add(rule, now_ms())
            wait_for(partial(has_more, receiver, before), 60, "a message")
            late_s.append(time.time() - told_at(receiver.received[-1].body["message"]))
            time.sleep(3)  # as many as one target gets
        ours.close()
    p50, p95 = statistics.median(late_s), statistics.quantiles(late_s, n=20)[18]
    found = f"p50 {p50:.2f} s, p95 {p95:.2f} s of {crossings}"
    promise = f"from a crossing to the receiver {LATENCY_GOAL_S:g} s, p95"
    print(Goal(promise, found, p95 <= LATENCY_GOAL_S))


def has_more(receiver: Receiver, before: int) -> bool:
    """Return whether *receiver* has got more messages than *before*."""
    return len(receiver.received) > before


def told_at(message: str) -> float:
    """Return the time in a *message*, in whole seconds: what is measured is up to one too long."""
    found = re.search(r"(\d+-\d+-\d+ [\d:]+) UTC", message)
    assert found
    return calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(prog="python -m bench.alerts", description=__doc__)
    parser.add_argument("--crossings", type=int, default=20)
    wanted = parser.parse_args()
    print(description()[0])
    with tempfile.TemporaryDirectory() as folder:
        judge(Path(folder))
    if wanted.crossings:
        with tempfile.TemporaryDirectory() as folder:
            deliver(Path(folder), wanted.crossings)


if __name__ == "__main__":
    main()
