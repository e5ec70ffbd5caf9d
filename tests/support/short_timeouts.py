"""The application in a process that waits for nobody long, so that tests need not."""

from tracker import create_app
from tracker.server import request_limits

request_limits.IDLE_LIMIT = request_limits.REQUEST_LIMIT = 2.0
request_limits.ANSWER_LIMIT = 3.0

app = create_app()
