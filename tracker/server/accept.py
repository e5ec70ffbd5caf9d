"""Accepting connections, also when the process has no descriptor left for one more.

They wait in the kernel then, and connected readers are not affected. gevent tries
again, too, but writes a traceback each time.
"""

from __future__ import annotations

import errno
import logging
from typing import Any

from gunicorn.workers.ggevent import PyWSGIServer

EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
PAUSE = 0.2
"""Seconds until the next attempt."""

log = logging.getLogger(__name__)


class PatientServer(PyWSGIServer):  # type: ignore[misc]
    """gunicorn's gevent server, which waits for a descriptor."""

    def do_read(self) -> Any:
        """Return a connection and its address, or None when there is none now."""
        try:
            return super().do_read()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            tell_exhausted(error)
            self.stop_accepting()
            self._timer = self.loop.timer(PAUSE)
            self._timer.start(self._start_accepting_if_started)
            return None


def tell_exhausted(error: OSError) -> None:
    """Log that there is no room for a newcomer."""
    log.warning("a connection has to wait: %s (see ulimit -n)", error)
