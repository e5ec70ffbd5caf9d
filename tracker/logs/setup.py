"""How a process logs: one line per event on standard error, as logfmt or JSON.

Whatever is logged stays one line: control characters are escaped, a traceback
too, so that no path, header or coin's name can forge a line. Secrets are taken
out (see `secrecy`). What a line is *about*, a request or a job's run, goes
along by itself.

See https://brandur.org/logfmt for the one and RFC 8259 for the other.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from tracker.config import Settings
from tracker.logs import context
from tracker.logs.redaction import hiding
from tracker.logs.throttle import Seldom
from tracker.times import iso

Fields = dict[str, Any]

REPETITIVE = ("rq.worker", "rq_scheduler.scheduler", "tracker.server.accept")
"""Loggers that tell the same trouble at every attempt."""

ACCESS = "gunicorn.access"
_ATOMS = {
    "client": "h",
    "method": "m",
    "path": "U",
    "query": "q",
    "status": "s",
    "bytes": "B",
    "ms": "M",
    "referer": "f",
    "agent": "a",
    "request": "{tracker.request_id}e",
}
"""What gunicorn calls the parts of a line of access."""

_BARE = re.compile(r"[!#-<>-\[\]-~]+")
"""A value of logfmt that needs no quotes: visible ASCII but `"`, `=` and backslash."""
_UNSAFE = re.compile(
    '[\x00-\x1f"\\\\\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
)
"""Ends a string or a line somewhere, controls a terminal, turns text around, or is no text."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def configure(settings: Settings) -> None:
    """Log as *settings* say; libraries that chatter at INFO only from WARNING up."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(settings))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in REPETITIVE:
        logging.getLogger(name).addFilter(Seldom())
    if settings.log_level != "DEBUG":
        for chatty in ("alembic", "rq.worker", "rq_scheduler", "urllib3"):
            logging.getLogger(chatty).setLevel("WARNING")
        logging.getLogger("rq_scheduler").setLevel("ERROR")  # a lock that is taken is no trouble


def formatter(settings: Settings) -> logging.Formatter:
    """Return what makes lines of the settings' format."""
    return _Formatter(_FORMATS[settings.log_format], hiding(settings))


def logfmt(fields: Mapping[str, Any]) -> str:
    """Return *fields* as one line of logfmt."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items())


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) else f'"{_UNSAFE.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


_FORMATS: dict[str, Callable[[Mapping[str, Any]], str]] = {"logfmt": logfmt, "json": json.dumps}


class _Formatter(logging.Formatter):
    """One record, one line."""

    def __init__(self, write: Callable[[Fields], str], hide: Callable[[str], str]) -> None:
        super().__init__()
        self._write = write
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: when, how bad, who, what, of what, and the traceback."""
        fields: Fields = {
            "ts": iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
        }
        told: Fields = _access(record) if record.name == ACCESS else {"msg": record.getMessage()}
        told |= context.ids()
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        hidden = {name: self._hide(v) if isinstance(v, str) else v for name, v in told.items()}
        return self._write(fields | hidden)


def _access(record: logging.LogRecord) -> Fields:
    """Return the parts of gunicorn's line of access."""
    atoms: Any = record.args
    if not isinstance(atoms, Mapping):
        return {"msg": record.getMessage()}
    found = {name: atoms.get(atom) for name, atom in _ATOMS.items()}
    return {name: value for name, value in found.items() if value not in (None, "", "-")}
