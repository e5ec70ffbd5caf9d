"""How a process logs: one line per event on standard error."""

from __future__ import annotations

import logging


def configure(level: str) -> None:
    """Log from *level* up; libraries that chatter at INFO only from WARNING up."""
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    if level != "DEBUG":
        for chatty in ("alembic", "rq.worker", "rq_scheduler", "urllib3"):
            logging.getLogger(chatty).setLevel("WARNING")
        logging.getLogger("rq_scheduler").setLevel("ERROR")  # a lock that is taken is no trouble
