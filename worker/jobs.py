"""The job that makes a tick: fetch, save, publish.

The order is the promise: nothing is published that was not committed, and what
was committed but not published is found by the web.

After a failure of the source the job comes back at the second that the source asked for
(Retry-After), else after one interval, twice as long each time up to five minutes,
with jitter, so that many trackers do not come back in step.
"""

import logging
import math
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache

from redis import Redis
from redis.exceptions import RedisError
from rq import get_current_job
from rq.job import Job
from rq.timeouts import JobTimeoutException
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tracker import backend as backends
from tracker import config
from tracker.backend import Backend
from tracker.config import Settings
from tracker.errors import SourceError
from tracker.logs.context import current_id, log_context, valid_or_new_id
from tracker.logs.throttle import is_same_failure, still_failing
from tracker.market import freshness
from tracker.market.alerts import Firing
from tracker.market.candles import from_sparkline
from tracker.market.freshness import SourceState
from tracker.market.quotes import Tick, TickJson
from tracker.messaging import json_jobs
from tracker.messaging.feed import Message
from tracker.messaging.job_queue import ALERTS, ALERTS_NOW_ID, ALERTS_TIMEOUT, REFRESH_TIMEOUT
from tracker.messaging.refresh_stats import Outcome, RefreshStats, SourceCounts
from tracker.storage.rollup import MAX_FILLS
from tracker.storage.ticks import Change
from tracker.text.alerts import sentence
from tracker.times import HOUR_MS, now_ms
from worker import sources, venues
from worker.aggregator import Aggregator, Collected
from worker.rates import RatesDesk
from worker.told_time import told_ms

MAX_WAIT_MS = 300_000  # the longest wait after a failure, unless the interval is longer
NOT_STORED = "prices cannot be stored: the database takes none now"
JITTER = 0.1  # the part of a wait that is drawn

log = logging.getLogger(__name__)


@cache
def backend() -> Backend:
    """Return the worker process's backend."""
    return backends.build(config.load())


@cache
def source() -> sources.FullSource:
    """Return the worker process's source, which warns once of what its settings mean."""
    return sources.build(backend().settings)


@cache
def aggregator() -> Aggregator:
    """Return the worker process's aggregator."""
    settings = backend().settings
    return Aggregator(source(), venues.build(settings), settings.currency)


@cache
def rates_desk() -> RatesDesk:
    """Return what asks for exchange rates in the worker process."""
    settings, stored = backend().settings, backend().store.rates
    return RatesDesk(source(), stored, interval_s=settings.rates_interval, tick_s=settings.interval)


def refresh_prices() -> None:
    """Make one tick of the settings' market; after a failure, reschedule this job.

    Each run has an id for the log. One that a request has queued carries the
    request's, in the job's meta as `request`: it asks the source before its time.
    """
    job = get_current_job()
    request = job.meta.get("request") if job else None
    with (
        log_context(job=job.id if job else None, run=valid_or_new_id(None), request=request),
        backend().refresh_stats.counted() as outcome,
    ):
        try:
            state = refresh(aggregator(), backend(), outcome=outcome, early=request is not None)
        except SQLAlchemyError:
            tell_of_database(backend())
            raise
        has_exchanges = bool(aggregator().exchanges)
        if job and state.reason and state.next_attempt_at is not None and not has_exchanges:
            reschedule(job, state.next_attempt_at)
    if job and outcome.fired and backend().settings.notify:
        queue_alerts(job.connection)
    refresh_rates(rates_desk(), backend(), state)


def refresh(
    aggregator: Aggregator, backend: Backend, *, outcome: Outcome | None = None, early: bool = False
) -> SourceState:
    """Collect, save, publish; how the sources do is saved and published too.

    Returns the source's state afterwards; as it was, when it is too soon for another
    attempt. What became of it is noted in *outcome*. The source may be asked *early*, and by a
    process that starts it is: the settings may have changed.
    """
    outcome = outcome or Outcome()
    interval_ms = backend.settings.interval * 1000
    before, at = backend.store.source_state(), now_ms()
    if early or not aggregator.has_asked:
        is_due = freshness.reason_to_skip(before, at, interval_ms) is None
    else:
        is_due = freshness.is_due(before, at, interval_ms)
    is_fresh = before.fresh_at is not None and abs(at - before.fresh_at) < interval_ms / 2
    if not is_due and (is_fresh or not aggregator.exchanges):
        outcome.what = "skipped"
        log.info("skipped: it is not time yet")
        return before
    found = _collect(aggregator, backend, before, is_due=is_due, at=at)
    change = _change(found, aggregator, backend.settings, at)
    outcome.what, outcome.kind = found.outcome, found.error.kind if found.error else ""
    outcome.sources = _counts(found, aggregator, at)
    if found.quotes:
        told = at if backend.settings.source == "simulated" else told_ms()
        fired: list[Firing] = []

        def judge(connection: Connection, tick: Tick, state: SourceState) -> None:
            fired.extend(backend.alerts.judge_tick(connection, tick, state, at))

        saved = backend.store.save(
            found.quotes, at=at, change=change, min_gap=interval_ms // 2, told=told, then=judge
        )
        if saved is None:
            outcome.what = "skipped"
            log.info("skipped: another worker was quicker")
            return before
        state, tick = saved.state, saved.tick
        publish(backend, Message(state, TickJson.of_tick(tick), saved.previous))
        if fired:
            log_fired(fired, backend.refresh_stats)
            outcome.fired = len(fired)
        # Between two answers of the source it would be a line every few seconds.
        level = logging.INFO if found.fetched else logging.DEBUG
        log.log(level, "tick %d: %d quotes from %s", tick.id, len(found.quotes), tick.source)
    elif change(before) == before:
        return before
    else:
        state = backend.store.change_state(change)
        publish(backend, Message(state))
        log.info("%s: %s", aggregator.source.name, found.outcome)
    _log_news(aggregator.source.name, found, before, state)
    if found.fetched and found.fetched.weeks:
        weeks = found.fetched.weeks
        candles = {coin: from_sparkline(week, end=at) for coin, week in weeks.items()}
        log.info("the week before: %d hourly candles added", backend.rollup.fill(candles))
    return state


def queue_alerts(connection: Redis) -> None:
    """Have what fired delivered next; without Redis the regular job finds it."""
    queue, limits = json_jobs.queue(connection), {"job_timeout": ALERTS_TIMEOUT, "result_ttl": 60}
    try:
        queue.enqueue(ALERTS, job_id=ALERTS_NOW_ID, at_front=True, **limits)
    except RedisError as error:
        log.warning("alerts go out a little later: %s", error)


def log_fired(fired: Sequence[Firing], stats: RefreshStats) -> None:
    """Log and count the alerts that have *fired*."""
    for firing in fired:
        log.info("alert %d fired: %s", firing.rule.id, sentence(firing))
    if fired:
        stats.count_fired(len(fired))


def refresh_rates(desk: RatesDesk, backend: Backend, state: SourceState) -> None:
    """Save and publish new exchange rates, if some have come: after the tick, and its *state*."""
    if (rates := desk.collect(state)) is not None:
        backend.store.save_rates(rates)
        publish(backend, Message(state, rates=rates))


def tell_of_database(backend: Backend) -> None:
    """Publish that prices cannot be stored now, as a failure that is not stored either."""
    at, state = now_ms(), SourceState()
    with suppress(SQLAlchemyError):
        state = backend.store.source_state()
    again_at = at + backend.settings.interval * 1000
    with suppress(RedisError):
        publish(backend, Message(state.failed(at, NOT_STORED, next_attempt_at=again_at)))


def _collect(
    aggregator: Aggregator, backend: Backend, before: SourceState, *, is_due: bool, at: int
) -> Collected:
    ticks_per_answer = max(1, backend.settings.source_interval // max(1, backend.settings.interval))
    week = is_due and backend.rollup.needs_filling(at, MAX_FILLS * ticks_per_answer)
    try:
        return aggregator.collect(
            before, backend.store.newest_of_source, is_due=is_due, week=week, at=at
        )
    except JobTimeoutException:
        late = f"{aggregator.source.name}: there was no answer within {REFRESH_TIMEOUT} s"
        return Collected(error=SourceError(late, kind="timeout"))


def _counts(found: Collected, aggregator: Aggregator, at: int) -> dict[str, SourceCounts]:
    """Return what became of the requests since the last refresh, by source and exchange."""
    its = SourceCounts(answers=int(found.answered), failures=int(found.error is not None))
    its.newest_at = at if found.answered else None
    return {aggregator.source.name: its} | aggregator.exchanges.take_counts()


def _change(found: Collected, aggregator: Aggregator, settings: Settings, at: int) -> Change:
    """Return what *found* changes in the source's state."""
    interval_ms, stale_after = settings.source_interval * 1000, settings.stale_after_ms
    not_before = None
    if found.error is not None and found.error.retry_after is not None:
        not_before = now_ms() + round(found.error.retry_after * 1000)

    def change(state: SourceState) -> SourceState:
        if found.error is not None:
            next_attempt_at = not_before or at + wait_after(state.failures + 1, interval_ms)
            state = state.failed(
                at, str(found.error), next_attempt_at=next_attempt_at, not_before=not_before
            )
        elif found.answered:
            state = state.succeeded(
                at,
                next_attempt_at=at + interval_ms,
                stale_after=stale_after,
                etag=found.fetched.etag if found.fetched else state.etag,
            )
        if found.quotes:
            state = state.renewed(at, stale_after=stale_after)
        return replace(state, sources=aggregator.health(state))

    return change


def _log_news(name: str, found: Collected, before: SourceState, now: SourceState) -> None:
    """Log that the source *name* fails, or answers again."""
    if found.error is not None:
        if line := _line_about(str(found.error), before, now):
            wait_s = ((now.next_attempt_at or 0) - (now.attempted_at or 0)) / 1000
            log.warning("%s; next attempt in %.0f s", line, wait_s)
    elif found.answered and before.reason is not None:
        plural = "" if before.failures == 1 else "s"
        # At the level of the failures: who was warned wants to know.
        log.warning("%s answers again (%d failure%s)", name, before.failures, plural)


def publish(backend: Backend, message: Message) -> None:
    """Publish *message* with the ids of this run and of the database that has it."""
    installation = backend.store.installation()
    backend.feed.publish(replace(message, run=current_id("run"), installation=installation))


def reschedule(job: Job, at: int) -> None:
    """Move the next run of *job* to *at*, unix milliseconds; later ones follow its interval."""
    from rq_scheduler import Scheduler  # after a failure only: it costs memory

    try:
        job.connection.zadd(Scheduler.scheduled_jobs_key, {job.id: math.ceil(at / 1000)}, xx=True)
    except RedisError as error:
        log.warning("the next attempt stays where it was: %s", error)


def wait_after(failures: int, interval_ms: int) -> int:
    """Return the wait in milliseconds after the last of *failures* in a row."""
    wait = min(max(MAX_WAIT_MS, interval_ms), interval_ms << min(failures - 1, 20))
    return round(wait * random.uniform(1 - JITTER, 1))  # noqa: S311 - no secret


def _line_about(reason: str, before: SourceState, now: SourceState) -> str | None:
    """Return what to log of a failure: itself when it is new, and each hour that it still is."""
    if before.reason is None or not is_same_failure(before.reason, reason):
        return reason
    since, last = now.failing_since, before.attempted_at
    if since is None or last is None or now.attempted_at is None:
        return reason
    if (now.attempted_at - since) // HOUR_MS > (last - since) // HOUR_MS:
        return f"{still_failing(now.failures, since)}: {reason}"
    return None
