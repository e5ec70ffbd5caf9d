"""The outbox: what alerts tell, and its way to each target, until it is sent or given up.

An event is one row, and a delivery to each target another. A target takes its deliveries in
their order, all that wait in one message, from one process at a time: the one that holds it.
After a failure the target waits, twice as long each time; deliveries that have waited for an
hour are given up, of which one event to the other targets tells.

A process that dies after a message went out and before that was stored leaves it waiting: it
is sent again, with the same numbers. Times are unix milliseconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, and_, delete, func, insert, select, update

from tracker.storage.engine import reading, writing
from tracker.storage.models import AlertDeliveryRow, AlertEventRow, AlertTargetRow
from tracker.text.alerts import Event, utc
from tracker.times import HOUR_MS

RETRY_MS, MAX_RETRY_MS = 5000, 300_000
"""The wait after a failure, twice as long each time, at first and at most."""
GIVE_UP_MS = HOUR_MS
"""The age at which what still fails is given up."""
GAP_MS, BURST = 3000, 10
"""Twenty messages a minute to one target, after ten at once: what Telegram takes of a bot."""
MAX_EVENTS = 200
"""Events of one message."""

_WAITS = AlertDeliveryRow.state == "waiting"


class Parcel(NamedTuple):
    """The *events* of one message, to the target *name*, and how often it failed before."""

    name: str
    events: tuple[Event, ...]
    failures: int


class Settled(NamedTuple):
    """What became of a parcel: how many events were *sent*, and how many *given_up*.

    *wait_ms* is until the next attempt.
    """

    sent: int = 0
    given_up: int = 0
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target does: *waiting* events, its last success, its failure if it fails now."""

    name: str
    waiting: int = 0
    sent_at: int | None = None
    failing_since: int | None = None
    failures: int = 0
    reason: str | None = None


class News(NamedTuple):
    """What is to be told, with the same fields as `Event`, and its rule's id if it has one."""

    at: int
    text: str
    rule_id: int | None = None
    coin: str = ""
    note: str = ""


def put_events(connection: Connection, targets: Sequence[str], news: Sequence[News]) -> list[int]:
    """Add events, at least one, that are to be delivered to *targets*; return their ids."""
    added = insert(AlertEventRow).returning(AlertEventRow.id, sort_by_parameter_order=True)
    ids = list(connection.scalars(added, [one._asdict() for one in news]))
    rows = [{"event_id": id, "target": name, "state": "waiting"} for id in ids for name in targets]
    connection.execute(insert(AlertDeliveryRow), rows)
    return ids


class Outbox:
    """The deliveries to *targets*, by their names. *holder* names this process."""

    def __init__(self, engine: Engine, targets: Sequence[str], *, holder: str) -> None:
        self._engine, self.targets, self._holder = engine, tuple(targets), holder

    def put(self, text: str, at: int, targets: Sequence[str] = ()) -> int:
        """Add an event of no rule, to *targets* or all; return its id."""
        with writing(self._engine) as connection:
            return put_events(connection, targets or self.targets, [News(at, text)])[0]

    def waiting(self) -> dict[str, int]:
        """Return how many deliveries wait, by target, also of targets that no setting has now."""
        counted = select(AlertDeliveryRow.target, func.count()).where(_WAITS)
        with reading(self._engine) as connection:
            rows = connection.execute(counted.group_by(AlertDeliveryRow.target)).all()
        return {row[0]: row[1] for row in rows}

    def drop_strangers(self, now: int) -> int:
        """Give up what waits for targets that the settings no longer have; return how many."""
        strangers = and_(_WAITS, AlertDeliveryRow.target.not_in(self.targets))
        with writing(self._engine) as connection:
            gone = update(AlertDeliveryRow).where(strangers)
            return connection.execute(gone.values(state="given_up", done_at=now)).rowcount

    def claim(
        self, name: str, now: int, *, hold_ms: int, is_alive: Callable[[str], bool]
    ) -> Parcel | None:
        """Take hold of the target *name* for *hold_ms*, with all that waits for it.

        None if nothing does, it is too early, or another holder that *is_alive* has it.
        """
        with writing(self._engine) as connection:
            row = self._target(connection, name)
            is_held = row.holder and 0 < row.held_until - now <= hold_ms
            if is_held and row.holder != self._holder and is_alive(row.holder):
                return None
            is_set_back = row.next_at - now > MAX_RETRY_MS  # the clock was
            if now < row.next_at and not is_set_back:
                return None
            ahead_ms = row.allowed_at - now
            if ahead_ms > 2 * BURST * GAP_MS:  # the clock was set back
                ahead_ms = 0
            if ahead_ms > BURST * GAP_MS:
                return None
            events = self._waiting_for(connection, name)
            if not events:
                return None
            allowed_at = now + max(0, ahead_ms) + GAP_MS
            taken = {"holder": self._holder, "held_until": now + hold_ms, "allowed_at": allowed_at}
            connection.execute(
                update(AlertTargetRow).where(AlertTargetRow.name == name).values(taken)
            )
            return Parcel(name, events, row.failures)

    def sent(self, parcel: Parcel, now: int) -> Settled:
        """Store that *parcel* was sent."""
        with writing(self._engine) as connection:
            count = self._done(connection, parcel.name, parcel.events, "sent", now)
            self._change_target(
                connection,
                parcel.name,
                sent_at=now,
                next_at=0,
                failures=0,
                failing_since=None,
                reason=None,
                is_told=False,
            )
        return Settled(sent=count)

    def failed(self, parcel: Parcel, reason: str, now: int) -> Settled:
        """Store that *parcel* was not sent for this *reason*, and give up what is too old."""
        wait_ms = min(MAX_RETRY_MS, RETRY_MS << min(parcel.failures, 10))
        old = [event for event in parcel.events if now - event.at >= GIVE_UP_MS]
        with writing(self._engine) as connection:
            row = self._target(connection, parcel.name)
            since = now if row.failing_since is None else row.failing_since
            given_up = self._done(connection, parcel.name, old, "given_up", now)
            if given_up and not row.is_told:
                self._tell_others(connection, parcel.name, since, reason, given_up, now)
            self._change_target(
                connection,
                parcel.name,
                next_at=now + wait_ms,
                failures=parcel.failures + 1,
                failing_since=since,
                reason=reason,
                is_told=row.is_told or given_up > 0,
            )
        return Settled(given_up=given_up, wait_ms=wait_ms)

    def states(self) -> list[TargetState]:
        """Return how each target does."""
        waiting, row = self.waiting(), AlertTargetRow
        columns = (row.name, row.sent_at, row.failing_since, row.failures, row.reason)
        with reading(self._engine) as connection:
            known = {name: state for name, *state in connection.execute(select(*columns))}
        return [
            TargetState(name, waiting.get(name, 0), *known.get(name, ())) for name in self.targets
        ]

    def prune(self, before: int) -> int:
        """Delete events older than *before* that wait for nobody; return how many."""
        waiting = select(AlertDeliveryRow.event_id).where(_WAITS)
        old = and_(AlertEventRow.at < before, AlertEventRow.id.not_in(waiting))
        with writing(self._engine) as connection:
            return connection.execute(delete(AlertEventRow).where(old)).rowcount

    def _target(self, connection: Connection, name: str) -> Row[Any]:
        """Return the row of the target *name*, and make it where there is none yet."""
        its = select(AlertTargetRow.__table__).where(AlertTargetRow.name == name)
        if (row := connection.execute(its).first()) is not None:
            return row
        first = {"held_until": 0, "next_at": 0, "allowed_at": 0, "failures": 0, "is_told": False}
        connection.execute(insert(AlertTargetRow).values(name=name, **first))
        return connection.execute(its).one()

    def _waiting_for(self, connection: Connection, name: str) -> tuple[Event, ...]:
        its = (
            select(
                AlertEventRow.id,
                AlertEventRow.at,
                AlertEventRow.text,
                AlertEventRow.note,
                AlertEventRow.coin,
            )
            .join(AlertDeliveryRow, AlertDeliveryRow.event_id == AlertEventRow.id)
            .where(_WAITS, AlertDeliveryRow.target == name)
            .order_by(AlertEventRow.id)
            .limit(MAX_EVENTS)
        )
        return tuple(Event(*row) for row in connection.execute(its))

    def _done(
        self, connection: Connection, name: str, events: Sequence[Event], state: str, now: int
    ) -> int:
        """Let the deliveries of *events* that wait be in *state*; return how many."""
        ids = [event.id for event in events]
        its = and_(_WAITS, AlertDeliveryRow.target == name, AlertDeliveryRow.event_id.in_(ids))
        done = update(AlertDeliveryRow).where(its).values(state=state, done_at=now)
        return connection.execute(done).rowcount if ids else 0

    def _change_target(self, connection: Connection, name: str, **values: object) -> None:
        """Store *values* of the target, and let it go if it is this process that holds it."""
        its = AlertTargetRow.name == name
        connection.execute(update(AlertTargetRow).where(its).values(**values))
        mine = and_(its, AlertTargetRow.holder == self._holder)
        connection.execute(update(AlertTargetRow).where(mine).values(holder=None, held_until=0))

    def _tell_others(
        self, connection: Connection, name: str, since: int, reason: str, count: int, now: int
    ) -> None:
        """Tell the targets that do not fail, once, that *name* does."""
        failing = select(AlertTargetRow.name).where(AlertTargetRow.failures > 0)
        bad = {name, *connection.scalars(failing)}
        if others := [one for one in self.targets if one not in bad]:
            plural = "alert was" if count == 1 else "alerts were"
            text = f"{name} fails since {utc(since)} ({reason}): {count} {plural} given up."
            put_events(connection, others, [News(now, text)])
