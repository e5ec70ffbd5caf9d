"""The servers that are compared, and the requests of their readers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice
from pathlib import Path

from bench.readers import request
from bench.servers import Floor, Nchan, Ours, Server
from bench.venvs import FlaskSse, SseStarlette
from worker.sources.simulated.coins import COINS

VARIANTS = 200
"""Distinct `?coins=`, spread evenly over the readers."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One line of the table. *most* is how many readers it is asked to bear."""

    key: str
    title: str
    make: Callable[[Path], Server]
    paths: Sequence[str] = ("/stream",)
    gzip: bool = False
    stalled: bool = False
    returns: bool = False
    """Whether its readers hang up at the end, and come back with a Last-Event-ID."""
    most: int | None = None
    from_pypi: bool = False

    def requests(self, last_event_id: int | None = None) -> list[bytes]:
        """Return what its readers ask, in turn."""
        return [request(path, gzip=self.gzip, last_event_id=last_event_id) for path in self.paths]


def few() -> str:
    """Return a path whose events have as many bytes, as gzip, as a drawing of all coins."""
    return f"/stream?coins={','.join(coin.id for coin in COINS[:5])}"


def variants() -> list[str]:
    """Return paths that differ in their coins: first single ones, then pairs, then more."""
    ids = [coin.id for coin in COINS]
    choices = chain.from_iterable(combinations(ids, size) for size in range(1, len(ids)))
    return [f"/stream?coins={','.join(chosen)}" for chosen in islice(choices, VARIANTS)]


CONTENDERS = (
    Contender(key="floor", title="a C loop of send(): the floor", make=Floor),
    Contender(key="ours", title="ours", make=Ours, returns=True),
    Contender(key="nchan", title="nchan (C, in nginx)", make=Nchan),
    Contender(key="gzip", title="ours, gzip", make=Ours, gzip=True),
    Contender(key="few", title="ours, gzip, few coins", make=Ours, gzip=True, paths=(few(),)),
    Contender(key="watch", title="ours, gzip, /watch", make=Ours, gzip=True, paths=("/watch",)),
    Contender(key="variants", title=f"ours, {VARIANTS} variants", make=Ours, paths=variants()),
    Contender(key="stalled", title="ours, one never reads", make=Ours, stalled=True),
    Contender(
        key="sse-starlette",
        title="sse-starlette, uvicorn, uvloop",
        make=SseStarlette,
        most=2000,
        from_pypi=True,
    ),
    Contender(
        key="flask-sse",
        title="flask-sse, gunicorn, gevent",
        make=FlaskSse,
        most=2000,
        from_pypi=True,
    ),
)
