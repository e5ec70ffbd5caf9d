"""The application with a relay that dies of the first tick: a bug, played."""

from typing import Any

from tracker import create_app
from tracker.services import services

app = create_app()


def die(*args: Any) -> None:
    raise RuntimeError("a bug in the relay")


setattr(services(app).relay, "_on_tick", die)  # noqa: B010
