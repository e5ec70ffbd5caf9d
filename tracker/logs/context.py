"""What log lines are about: the ids of a request or a job's run, for the current context."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token

About = Token[Mapping[str, str] | None]

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_about: ContextVar[Mapping[str, str] | None] = ContextVar("about", default=None)


def ids() -> Mapping[str, str]:
    """Return all ids of what lines are about now."""
    return _about.get() or {}


def sane_id(text: str | None) -> str:
    """Return *text* if it can be an id of a request or a run, or a new one."""
    if text and _SANE_ID.fullmatch(text):
        return text
    return f"{random.getrandbits(64):016x}"


@contextmanager
def about(**ids: str | None) -> Iterator[None]:
    """Let each line that is logged within, in this context, carry *ids*; None is left out."""
    token = begin_about(**ids)
    try:
        yield
    finally:
        end_about(token)


def begin_about(**ids: str | None) -> About:
    """Do what `about` does, until `end_about`."""
    known = {name: id for name, id in ids.items() if id is not None}
    return _about.set({**(_about.get() or {}), **known})


def end_about(token: About) -> None:
    """Let lines be about what they were before."""
    _about.reset(token)


def current(name: str) -> str | None:
    """Return the id *name* of what lines are about now, as `request` or `run`."""
    return (_about.get() or {}).get(name)
