"""Rules are judged in the transaction of the tick, and what fires is in the outbox with it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

from tests.conftest import SettingsFactory
from tests.support.tools import MINUTE, fail, quote, save, succeeded
from tracker.errors import RuleError
from tracker.market.alerts import Firing, Rule
from tracker.market.freshness import SourceState
from tracker.market.quotes import Market, Tick
from tracker.market.rates import Rates
from tracker.storage import damage
from tracker.storage.alerts import AlertStore
from tracker.storage.outbox import Outbox
from tracker.storage.ticks import Store

ABOVE = Rule(kind="above", coin="bitcoin", currency="usd", limit=Decimal(100))
TARGETS = ("phone", "hook")


class Alerts:
    """A worker's view of one database."""

    def __init__(self, engine: Engine, market: Market = Market("x", "usd")) -> None:  # noqa: B008
        self.store = Store(engine, market)
        self.alerts = AlertStore(engine, self.store, stale_after=3 * MINUTE, targets=TARGETS)
        self.outbox = Outbox(engine, TARGETS, holder="me")

    def tick(
        self,
        price: str,
        at: int,
        *,
        also: Callable[[], object] = lambda: None,
        coin: str = "bitcoin",
    ) -> list[str]:
        """Store a tick, and return what fired."""
        fired: list[Firing] = []

        def then(connection: Connection, tick: Tick, state: SourceState) -> None:
            fired.extend(self.alerts.judge_tick(connection, tick, state, at))
            also()

        quotes = [quote(coin, price)]
        self.store.save(quotes, at=at, change=lambda state: succeeded(state, at), then=then)
        return [one.rule.kind for one in fired]

    def told(self) -> list[str]:
        """Return the texts in the outbox that wait for the first target."""
        parcel = self.outbox.claim(TARGETS[0], 10**12, hold_ms=0, is_alive=lambda _: False)
        return [event.text for event in parcel.events] if parcel else []


@pytest.fixture
def alerts(engine: Engine) -> Alerts:
    return Alerts(engine)


def test_a_crossing_is_told_once_by_the_worker_that_stores_its_tick(
    alerts: Alerts, engine: Engine
) -> None:
    other = Alerts(engine)
    alerts.tick("99", 1)
    added = alerts.alerts.add(replace(ABOVE, note="sell"), 2)
    assert (added.id, added.armed) == (1, True)
    fired = [
        worker.tick(price, at)
        for at, (worker, price) in enumerate(
            [(alerts, "99"), (other, "101"), (alerts, "102"), (other, "98"), (alerts, "103")], 3
        )
    ]
    assert fired == [[], ["above"], [], [], ["above"]]
    assert alerts.told() == [
        "Bitcoin rose above 100 USD: it is $101.00.",
        "Bitcoin rose above 100 USD: it is $103.00.",
    ]
    stored = other.alerts.get(1)
    assert (stored.armed, stored.fired_at, stored.note) == (False, 7, "sell")


def test_a_tick_that_is_not_committed_has_told_nothing_and_its_crossing_is_told_later(
    alerts: Alerts,
) -> None:
    alerts.tick("99", 1)
    alerts.alerts.add(ABOVE, 2)
    alerts.tick("99", 3)

    def die() -> None:
        raise ConnectionError("killed")

    with pytest.raises(ConnectionError):
        alerts.tick("101", 4, also=die)
    assert alerts.told() == []
    assert alerts.tick("102", 5) == ["above"]
    assert alerts.told() == ["Bitcoin rose above 100 USD: it is $102.00."]


def test_a_price_that_is_beyond_the_limit_already_does_not_fire(alerts: Alerts) -> None:
    alerts.tick("101", 1)
    added = alerts.alerts.add(ABOVE, 2)
    assert added.armed is False
    assert [alerts.tick(price, at) for at, price in enumerate(["102", "100", "101"], 3)] == [
        [],
        [],
        ["above"],
    ]


def test_rules_are_read_once_and_again_after_any_change(alerts: Alerts, engine: Engine) -> None:
    alerts.tick("99", 1)
    added = alerts.alerts.add(ABOVE, 1)
    reads = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM alert " in statement:
            reads.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    for at in range(2, 12):
        alerts.tick(str(95 + at), at)
    assert len(reads) == 1, "also after it has fired"
    reads.clear()
    Alerts(engine).alerts.change(added.id, lambda rule: replace(rule, paused=True), 12)
    reads.clear()
    assert [alerts.tick("99", 13), alerts.tick("101", 14)] == [[], []]
    assert len(reads) == 1


def test_a_rule_is_changed_and_removed_and_what_there_is_not_is_said(alerts: Alerts) -> None:
    alerts.tick("99", 1)
    added = alerts.alerts.add(ABOVE, 1)
    alerts.alerts.change(added.id, lambda rule: replace(rule, limit=Decimal(50)), 2)
    assert alerts.alerts.get(added.id).armed is False, "judged anew"
    assert alerts.alerts.remove(added.id).limit == 50
    assert (alerts.alerts.all(), alerts.tick("1", 3), alerts.tick("101", 4)) == ([], [], [])
    for call in (alerts.alerts.get, alerts.alerts.remove):
        with pytest.raises(RuleError, match="no rule 1; there are: none"):
            call(added.id)


def test_a_limit_in_another_currency_follows_the_stored_rates(alerts: Alerts) -> None:
    alerts.tick("199", 1)
    alerts.store.save_rates(Rates("usd", 1, {"usd": Decimal(1), "eur": Decimal("0.5")}))
    alerts.alerts.add(replace(ABOVE, currency="eur"), 1)
    assert alerts.tick("201", 2) == ["above"]
    assert alerts.told() == ["Bitcoin rose above 100 EUR: it is €100.50."]


def test_rules_of_another_source_are_not_judged(alerts: Alerts, engine: Engine) -> None:
    alerts.tick("99", 1)
    alerts.alerts.add(ABOVE, 1)
    demo = Alerts(engine, Market("simulated", "usd"))
    assert (demo.tick("101", 2), demo.alerts.all()) == ([], [])


def test_silence_is_judged_without_ticks_and_its_end_with_the_next(alerts: Alerts) -> None:
    alerts.tick("99", 1)
    alerts.alerts.add(Rule(kind="stale", limit=Decimal(2)), 1)
    alerts.alerts.add(Rule(kind="live"), 1)
    fail(alerts.store, "down", at=MINUTE)
    moments = [alerts.alerts.judge_silence(minutes * MINUTE + 1) for minutes in (1, 4, 5, 6)]
    assert [[one.rule.kind for one in fired] for fired in moments] == [[], [], ["stale"], []]
    assert alerts.tick("99", 7 * MINUTE) == ["live"]
    assert len(alerts.told()) == 2


def test_a_rule_that_cannot_be_read_stops_no_tick_and_no_other_rule(
    settings: SettingsFactory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In SQLite: PostgreSQL stores nothing but numbers there."""
    monkeypatch.setattr(damage, "_failures", {})
    engine = create_engine(settings().database_url)
    alerts = Alerts(engine)
    alerts.tick("99", 1)
    alerts.alerts.add(ABOVE, 1)
    alerts.alerts.add(ABOVE, 1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alert SET threshold = 'much' WHERE id = 1"))
    assert alerts.tick("101", 2) == ["above"]
    assert "no usable rule in the alert where id = 1" in caplog.messages[0]
    engine.dispose()


def test_without_targets_rules_are_judged_and_nobody_is_told(engine: Engine) -> None:
    its = Alerts(engine)
    its.alerts = AlertStore(engine, its.store, stale_after=1)
    save(its.store, quote(price="99"), at=1)
    its.alerts.add(ABOVE, 1)
    assert (its.tick("101", 2), its.told()) == (["above"], [])
