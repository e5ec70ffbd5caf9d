"""The rules of alerts: stored, and judged in the transaction that stores a tick.

What fires is put into the outbox by the same commit, so that a crossing is told once, whichever
process is killed when. The rules that are judged are in memory, as long as the version in the
database is the one that they were read with: two workers may take turns.

Rules are of a source, so that simulated prices fire no rule of real ones; each has its currency.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from tracker.errors import MessageError, RuleError
from tracker.logs.throttle import FailureLog
from tracker.market.alerts import OF_FRESHNESS, OF_PRICES, Firing, Rule, Situation, judge
from tracker.market.freshness import SourceState
from tracker.market.quotes import Tick
from tracker.market.rates import Rates
from tracker.storage import outbox
from tracker.storage.damage import tell
from tracker.storage.engine import reading, writing
from tracker.storage.models import AlertRow, AlertVersionRow, RatesRow, of_market
from tracker.storage.ticks import Store
from tracker.text.alerts import sentence

MAX_RULES = 5000
"""More than a tick could judge in its time."""

log = logging.getLogger(__name__)

_FIELDS = tuple(field.name for field in fields(Rule))
_COLUMNS = [getattr(AlertRow, name).label(name) for name in _FIELDS]

_JUDGED = (
    update(AlertRow)
    .where(AlertRow.id == bindparam("rule"))
    .values(armed=bindparam("is"), fired_at=bindparam("at"))
)
"""What a judgement changes; of many rules in one statement."""


class AlertStore:
    """The rules of *store*'s source. What fires goes to the *targets*, by their names.

    Prices are stale *stale_after* milliseconds after they were renewed.
    """

    def __init__(
        self, engine: Engine, store: Store, *, stale_after: int, targets: Sequence[str] = ()
    ) -> None:
        self._engine, self._store = engine, store
        self._source = store.market.source
        self._stale_after, self._targets = stale_after, tuple(targets)
        self._log = FailureLog(log)
        self._cached: tuple[str | None, list[Rule]] = (None, [])
        self._rates: tuple[str | None, Rates | None] = (None, None)
        its = AlertVersionRow.source == self._source
        self._version = select(AlertVersionRow.version).where(its)

    def all(self) -> list[Rule]:
        """Return all rules, in the order in which they were added."""
        with reading(self._engine) as connection:
            return self._read(connection)

    def get(self, id: int) -> Rule:
        """Return the rule *id*. Raises `RuleError` if there is none."""
        with reading(self._engine) as connection:
            return self._get(connection, id)

    def add(self, rule: Rule, now: int) -> Rule:
        """Add *rule*, judged by the newest tick: it fires at the next crossing. Return it.

        Raises `RuleError` if there are too many.
        """
        standing = self._first_judged(rule, now)
        with writing(self._engine) as connection:
            mine = AlertRow.source == self._source
            count = connection.scalar(select(func.count()).select_from(AlertRow).where(mine)) or 0
            if count >= MAX_RULES:
                raise RuleError(f"there are {count} rules already; remove some first")
            values = _values(standing) | {"source": self._source}
            added = insert(AlertRow).values(values).returning(AlertRow.id)
            id = connection.scalars(added).one()
            self._changed(connection)
        return replace(standing, id=id)

    def change(self, id: int, how: Callable[[Rule], Rule], now: int) -> Rule:
        """Store what *how* makes of the rule *id*, judged anew, and return it.

        It is read in the transaction that writes it, so that a tick which fires it meanwhile is
        not forgotten. Raises `RuleError` if there is none.
        """
        with writing(self._engine) as connection:
            standing = self._first_judged(how(self._get(connection, id)), now)
            connection.execute(update(AlertRow).where(AlertRow.id == id).values(_values(standing)))
            self._changed(connection)
        return standing

    def remove(self, id: int) -> Rule:
        """Remove the rule *id* and return it; what it has told stays. Raises `RuleError`."""
        with writing(self._engine) as connection:
            rule = self._get(connection, id)
            connection.execute(delete(AlertRow).where(AlertRow.id == id))
            self._changed(connection)
        return rule

    def situation(self, now: int) -> Situation:
        """Return what rules stand by *now*: the newest tick, rates, the source's state."""
        newest = self._store.newest(1)
        tick = newest[0] if newest else None
        state = self._store.source_state()
        return Situation(now, tick, self._store.rates(), state, self._stale_after)

    def judge_tick(
        self, connection: Connection, tick: Tick, state: SourceState, at: int
    ) -> list[Firing]:
        """Judge the rules by *tick*, within the transaction that stores it *at* this time.

        Rules that cannot be read or computed stop no tick: the log says so.
        """
        try:
            rules = self._rules(connection)
            if not rules:
                return []
            return self._judge(connection, self._seen(connection, rules, tick, state, at), rules)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            self._log.failed(f"alerts are not judged: {error!r}")
            return []

    def _seen(
        self,
        connection: Connection,
        rules: Sequence[Rule],
        tick: Tick,
        state: SourceState,
        at: int,
    ) -> Situation:
        foreign = any(one.kind in OF_PRICES and one.currency != tick.currency for one in rules)
        rates = self._newest_rates(connection) if foreign else None
        return Situation(at, tick, rates, state, self._stale_after)

    def judge_silence(self, now: int) -> list[Firing]:
        """Judge the rules on stale and live prices while no tick comes."""
        with reading(self._engine) as connection:
            rules = self._of_freshness(connection)
        if not rules:
            return []
        state = self._store.source_state()
        situation = Situation(now, None, None, state, self._stale_after)
        if not judge(rules, situation).changed:
            return []
        with writing(self._engine) as connection:
            state = self._store.read_state(connection)
            situation = Situation(now, None, None, state, self._stale_after)
            return self._judge(connection, situation, self._of_freshness(connection))

    def _of_freshness(self, connection: Connection) -> list[Rule]:
        return [rule for rule in self._rules(connection) if rule.kind in OF_FRESHNESS]

    def _judge(
        self, connection: Connection, situation: Situation, rules: Sequence[Rule]
    ) -> list[Firing]:
        found = judge(rules, situation)
        if not found.changed:
            return []
        connection.execute(
            _JUDGED,
            [{"rule": one.id, "is": one.armed, "at": one.fired_at} for one in found.changed],
        )
        version = self._changed(connection)
        changed = {rule.id: rule for rule in found.changed}
        # Counts only once this transaction is committed: no other has this version.
        self._cached = version, [changed.get(rule.id, rule) for rule in self._cached[1]]
        if self._targets and found.firings:
            outbox.put_events(connection, self._targets, [_news(one) for one in found.firings])
        return found.firings

    def _rules(self, connection: Connection) -> list[Rule]:
        """Return the rules, from memory if they are those of the database."""
        version = connection.scalar(self._version)
        if version is None:
            return []
        if version != self._cached[0]:
            self._cached = version, self._read(connection)
        return self._cached[1]

    def _read(self, connection: Connection) -> list[Rule]:
        its = select(*_COLUMNS).where(AlertRow.source == self._source).order_by(AlertRow.id)
        rules = [Rule(**row) for row in connection.execute(its).mappings()]
        for rule in rules:
            if not rule.is_sound:
                tell("alert", "no usable rule", id=rule.id)
        return [rule for rule in rules if rule.is_sound]

    def _get(self, connection: Connection, id: int) -> Rule:
        rules = self._read(connection)
        for rule in rules:
            if rule.id == id:
                return rule
        known = ", ".join(str(rule.id) for rule in rules[:20]) or "none: add one first"
        raise RuleError(f"there is no rule {id}; there are: {known}")

    def _newest_rates(self, connection: Connection) -> Rates | None:
        """Return the rates that the database has, taken apart only where they are new."""
        its = select(RatesRow.json).where(of_market(RatesRow, self._store.market))
        text = connection.scalar(its)
        if text != self._rates[0]:
            try:
                self._rates = text, Rates.from_json(text) if text else None
            except MessageError:
                self._rates = text, None
        return self._rates[1]

    def _first_judged(self, rule: Rule, now: int) -> Rule:
        """Return *rule* as the newest tick arms it; it does not fire for what is so already."""
        fresh = replace(rule, armed=None)
        changed = judge([fresh], self.situation(now)).changed
        return changed[0] if changed else fresh

    def _changed(self, connection: Connection) -> str:
        """Make the version another one, and return it."""
        version = secrets.token_hex(16)
        its = AlertVersionRow.source == self._source
        if not connection.execute(
            update(AlertVersionRow).where(its).values(version=version)
        ).rowcount:
            connection.execute(insert(AlertVersionRow).values(source=self._source, version=version))
        return version


def _news(firing: Firing) -> outbox.News:
    rule, coin = firing.rule, firing.quote.id if firing.quote else ""
    return outbox.News(firing.at, sentence(firing), rule.id, coin, rule.note)


def _values(rule: Rule) -> dict[str, Any]:
    values = asdict(rule)
    del values["id"]
    return values
