# mypy: ignore-errors
"""Lets a test look into a process of the product, and break what only it can break.

Python runs it at the start of each process; nothing of the product is replaced.

    SABOTAGE    a file of pragmas that are set on SQLite's connection at each statement:
                "disk full" and "read-only", and what they roll back, are SQLite's own
    GREENLETS   a folder in which a process that is sent SIGRTMIN tells how many it has
    CLOCK       a file of how many seconds the clock is ahead, a double. Python's alone:
                libfaketime breaks `time.sleep`. Time that only goes forward (monotonic)
                stays, as it does when a real clock is set
"""

import datetime
import gc
import mmap
import os
import signal
import struct
import sys
import time
from pathlib import Path

SABOTAGE, GREENLETS, CLOCK = map(os.environ.get, ("SABOTAGE", "GREENLETS", "CLOCK"))

if SABOTAGE:
    PRAGMAS = Path(SABOTAGE)
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "before_cursor_execute")
    def _sabotage(conn, cursor, statement, parameters, context, executemany):
        for pragma in PRAGMAS.read_text().splitlines():
            cursor.connection.execute(pragma)


if GREENLETS:
    FOLDER = Path(GREENLETS)

    def _count(number, frame):
        kind = getattr(sys.modules.get("greenlet"), "greenlet", ())
        found = sum(1 for it in gc.get_objects() if isinstance(it, kind) and not it.dead)
        fresh = FOLDER / f"{os.getpid()}.new"
        fresh.write_text(str(found))
        fresh.rename(FOLDER / str(os.getpid()))

    signal.signal(signal.SIGRTMIN, _count)


if CLOCK:
    with open(CLOCK, "rb") as file:  # once: descriptors may be used up
        AHEAD = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    real_time, real_datetime = time.time, datetime.datetime

    def _time():
        return real_time() + struct.unpack("d", AHEAD)[0]

    class _Likeness(type):
        def __instancecheck__(cls, instance):
            return isinstance(instance, real_datetime)

    class _Datetime(real_datetime, metaclass=_Likeness):
        __slots__ = ()

        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(_time(), tz)

        @classmethod
        def utcnow(cls):
            return cls.fromtimestamp(_time(), datetime.UTC).replace(tzinfo=None)

    time.time, time.time_ns = _time, lambda: int(_time() * 1e9)
    datetime.datetime = _Datetime
