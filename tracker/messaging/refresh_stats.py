"""What became of the refreshes, counted in Redis: workers count, and any web process reads.

One hash per market. Its fields are `what:outcome:detail`, where *what* is `count`
(detail: the kind of a failure), `seconds` or `bucket` (detail: at most so many
seconds); and `what:name`, where *what* is a field of `SourceCounts` and *name* the
source's. A Redis that came back empty counts from zero, as a restarted process does.
"""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields

from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from tracker.config import Settings
from tracker.messaging.job_queue import QUEUE
from tracker.messaging.redis_client import RedisUser

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, math.inf)
"""Seconds: a source answers in less than one, and a job ends after 30."""

TIMEOUT_S = 1.0
"""Time that Redis may take: counting is never worth a long wait."""

QUEUED, FAILED, WORKERS = f"rq:queue:{QUEUE}", f"rq:failed:{QUEUE}", f"rq:workers:{QUEUE}"
"""RQ's keys of our queue: a list, a sorted set, a set."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SourceCounts:
    """How often a source or exchange answered, failed, and gave a price that was not believed.

    *newest_at* is the time of its newest price, in unix milliseconds.
    """

    answers: int = 0
    failures: int = 0
    disagreements: int = 0
    newest_at: int | None = None


DELIVERIES = ("sent", "failed", "given_up")
"""What becomes of deliveries to a target; one that failed is tried again."""
SOURCE_FIELDS = {field.name for field in fields(SourceCounts)}


@dataclass(slots=True)
class Outcome:
    """What became of one refresh: `tick`, `unchanged`, `skipped` or `failed`, and why.

    *sources* is what became of its requests, by the name of the source or exchange; *fired* how
    many alerts it made fire.
    """

    what: str = "failed"
    kind: str = ""
    fired: int = 0
    sources: dict[str, SourceCounts] = field(default_factory=dict)


@dataclass(slots=True)
class Duration:
    """The seconds of refreshes with one outcome: in all, and how many took at most so long."""

    total: float = 0.0
    buckets: dict[float, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))


@dataclass(slots=True)
class RefreshSnapshot:
    """What Redis knows: refreshes by (outcome, kind), their durations, sources, RQ's numbers."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    durations: dict[str, Duration] = field(default_factory=dict)
    sources: dict[str, SourceCounts] = field(default_factory=dict)
    alerts: dict[tuple[str, str], int] = field(default_factory=dict)
    """What alerts did, by what (`fired`, `waiting` or `DELIVERIES`) and target."""
    queued: int = 0
    failed: int = 0
    workers: int = 0


class RefreshStats(RedisUser):
    """The counts of the settings' market."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, timeout_s=TIMEOUT_S)
        self.key = f"tracker:refreshes:{settings.market}"

    @contextmanager
    def counted(self) -> Iterator[Outcome]:
        """Count the refresh within by the outcome that it notes; an error is a failure."""
        outcome, began_at = Outcome(), time.monotonic()
        try:
            yield outcome
        except BaseException as error:
            is_database = isinstance(error, SQLAlchemyError)
            outcome.what, outcome.kind = "failed", "database" if is_database else "error"
            raise
        finally:
            self._count(outcome, time.monotonic() - began_at)

    def _count(self, outcome: Outcome, seconds: float) -> None:
        """Count; without Redis do nothing, since no refresh may fail for this."""
        bucket = next(most for most in BUCKETS if seconds <= most)
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hincrby(self.key, f"count:{outcome.what}:{outcome.kind}")
                pipeline.hincrbyfloat(self.key, f"seconds:{outcome.what}:", round(seconds, 6))
                pipeline.hincrby(self.key, f"bucket:{outcome.what}:{bucket}")
                for name, counts in outcome.sources.items():
                    if counts.newest_at is not None:
                        pipeline.hset(self.key, f"newest_at:{name}", counts.newest_at)
                    for what in ("answers", "failures", "disagreements"):
                        if more := getattr(counts, what):
                            pipeline.hincrby(self.key, f"{what}:{name}", more)
                pipeline.execute()
        except (RedisError, OSError) as error:
            log.debug("a refresh was not counted: %s", error)
            if type(error) is ResponseError:  # none of its subclasses: what is there is no count
                self._begin_anew(error)

    def _begin_anew(self, error: ResponseError) -> None:
        """Remove what is at the key: something else has written it."""
        with suppress(RedisError, OSError):
            self._redis.delete(self.key)
            log.warning("%s did not hold counts: refreshes count from zero (%s)", self.key, error)

    def count_refused(self) -> None:
        """Count a job that is not the tracker's own, and was not run."""
        with suppress(RedisError, OSError):
            self._redis.hincrby(self.key, "count:refused:")

    def count_fired(self, count: int) -> None:
        """Count alerts that have fired."""
        with suppress(RedisError, OSError):
            self._redis.hincrby(self.key, "alerts:fired:", count)

    def count_alerts(self, target: str, **counts: int) -> None:
        """Count what became of deliveries to *target*, each of `DELIVERIES`."""
        with suppress(RedisError, OSError):
            for what, count in counts.items():
                if count:
                    self._redis.hincrby(self.key, f"alerts:{what}:{target}", count)

    def note_alerts_waiting(self, count: int) -> None:
        """Note how many deliveries wait."""
        with suppress(RedisError, OSError):
            self._redis.hset(self.key, "alerts:waiting:", count)

    def read(self) -> RefreshSnapshot:
        """Return what was counted so far. Raises `redis.RedisError`."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(self.key)
            pipeline.llen(QUEUED)
            pipeline.zcard(FAILED)
            pipeline.scard(WORKERS)
            fields, queued, failed, workers = pipeline.execute()
        snapshot = RefreshSnapshot(queued=queued, failed=failed, workers=workers)
        for name, value in fields.items():
            _put(snapshot, name.decode(errors="replace"), value)
        return snapshot


def _put(snapshot: RefreshSnapshot, name: str, value: bytes) -> None:
    """Put the hash's field *name* into *snapshot*; one that is not ours is left out."""
    what, _, rest = name.partition(":")
    outcome, _, detail = rest.partition(":")
    try:
        if what == "count":
            snapshot.counts[outcome, detail] = int(value)
        elif what == "alerts":
            snapshot.alerts[outcome, detail] = int(value)
        elif what == "seconds":
            snapshot.durations.setdefault(outcome, Duration()).total = float(value)
        elif what == "bucket" and float(detail) in BUCKETS:
            snapshot.durations.setdefault(outcome, Duration()).buckets[float(detail)] = int(value)
        elif what in SOURCE_FIELDS:
            setattr(snapshot.sources.setdefault(rest, SourceCounts()), what, int(value))
    except ValueError:
        log.debug("not a count of refreshes: %r", name)
