"""A receiver of alerts that takes, refuses, redirects or hangs, as the test says."""

import json
from typing import Any, NamedTuple

from tests.support.stand_in import Handler, StandIn


class Received(NamedTuple):
    """One request: what was sent to which path."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Receiver(StandIn):
    """An HTTP receiver on the loopback: answers *status*; 0 hangs; a redirect leads to *to*."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.status, self.to = 200, ""
        self.received: list[Received] = []

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def titles(self) -> list[str]:
        """The titles of all that was received."""
        return [str(one.body["title"]) for one in self.received]


class _Handler(Handler):
    server: Receiver

    def do_POST(self) -> None:
        """Answer, and keep what came."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append(Received(self.path, dict(self.headers), body))
        if not self.server.status:
            self.server.ended.wait(30)
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        if self.server.to:
            self.send_header("Location", self.server.to)
        self.end_headers()
