"""The application in a process that waits for nobody long, so that tests need not."""

from tracker import create_app
from tracker.stream import limits

limits.IDLE_LIMIT = limits.REQUEST_LIMIT = 2.0
limits.ANSWER_LIMIT = 3.0

app = create_app()
