"""The ids that log lines carry: of the request or the job's run that is in hand."""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_ids: ContextVar[Mapping[str, str] | None] = ContextVar("ids", default=None)


def current_ids() -> Mapping[str, str]:
    """Return the ids that a line logged now would carry, by name."""
    return _ids.get() or {}


def current_id(name: str) -> str | None:
    """Return the id called *name*, as `request` or `run`, if there is one now."""
    return current_ids().get(name)


def valid_or_new_id(text: str | None) -> str:
    """Return *text* if it is a valid id, or else a new random one."""
    if text and _VALID_ID.fullmatch(text):
        return text
    return f"{random.getrandbits(64):016x}"


@contextmanager
def log_context(**ids: str | None) -> Iterator[None]:
    """Add *ids* to each line logged within; None is left out."""
    known = {name: id for name, id in ids.items() if id is not None}
    token = _ids.set({**current_ids(), **known})
    try:
        yield
    finally:
        _ids.reset(token)
