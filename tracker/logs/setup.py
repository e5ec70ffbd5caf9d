"""How a process logs: one line per event on standard error, as logfmt or JSON.

Whatever is logged stays one line: control characters are escaped, also in a
traceback, so that no path, header or coin's name can forge a line. Secrets are
removed (see `redaction`), and the ids of the request or the job's run are
added (see `context`).

See https://brandur.org/logfmt and RFC 8259.
"""

import json
import logging
import re
import threading
from collections.abc import Mapping
from typing import Any

from tracker.config import Settings
from tracker.logs import context
from tracker.logs.redaction import redactor
from tracker.logs.throttle import RepetitionFilter
from tracker.times import iso

log = logging.getLogger(__name__)

Fields = dict[str, Any]

REPETITIVE = ("rq.worker", "rq_scheduler.scheduler", "tracker.server.gunicorn_worker")
"""Loggers that repeat the same failure at every attempt."""

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
"""The fields of an access line, with gunicorn's names for them."""

_BARE = re.compile(r"[!#-<>-\[\]-~]+")
"""A logfmt value that needs no quotes: visible ASCII except `"`, `=` and backslash."""
_UNSAFE = re.compile(
    '[\x00-\x1f"\\\\\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
)
"""Ends a string or a line for some reader, controls a terminal, reverses text, or cannot be
encoded."""


def configure(settings: Settings) -> None:
    """Set up logging as in *settings*; talkative libraries log from WARNING up."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(settings))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in REPETITIVE:
        logging.getLogger(name).addFilter(RepetitionFilter())
    threading.excepthook = _log_death
    if settings.log_level != "DEBUG":
        for chatty in ("alembic", "rq.worker", "rq_scheduler", "urllib3"):
            logging.getLogger(chatty).setLevel("WARNING")
        logging.getLogger("rq_scheduler").setLevel("ERROR")  # it warns of each lock that is taken


def _log_death(death: threading.ExceptHookArgs) -> None:
    """Log in one line that a thread has died: Python would print its traceback as it is."""
    if death.exc_value is not None and not isinstance(death.exc_value, SystemExit):
        name = death.thread.name if death.thread else "a thread"
        told = (death.exc_type, death.exc_value, death.exc_traceback)
        log.error("%s died of %s", name, death.exc_type.__name__, exc_info=told)


def logfmt(fields: Mapping[str, Any]) -> str:
    """Return *fields* as one line of logfmt."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items())


def _quoted(text: str) -> str:
    if _BARE.fullmatch(text):
        return text
    return f'"{_UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)}"'


class Formatter(logging.Formatter):
    """Writes each record as one line in the settings' format, without their secrets."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._write = logfmt if settings.log_format == "logfmt" else json.dumps
        self._redact = redactor(settings)

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as one line."""
        fields: Fields = {
            "ts": iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
        }
        content: Fields = _access(record) if record.name == ACCESS else {"msg": record.getMessage()}
        content |= context.current_ids()
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            content["stack"] = self.formatStack(record.stack_info)
        for name, value in content.items():
            fields[name] = self._redact(value) if isinstance(value, str) else value
        return self._write(fields)


def _access(record: logging.LogRecord) -> Fields:
    """Return the fields of one of gunicorn's access lines."""
    if not isinstance(record.args, Mapping):
        return {"msg": record.getMessage()}
    found = {name: record.args.get(atom) for name, atom in _ATOMS.items()}
    return {name: value for name, value in found.items() if value not in (None, "", "-")}
