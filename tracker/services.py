"""What lives as long as the process: made by `create_app`, kept in `app.extensions`."""

from __future__ import annotations

from typing import cast

from flask import current_app

from tracker.config import Settings
from tracker.monitoring.collector import Scrape
from tracker.monitoring.readiness import Readiness
from tracker.relay import Relay
from tracker.storage.history_cache import Recall
from tracker.stream.admission import Admission
from tracker.stream.hub import Hub


def settings() -> Settings:
    """Return the settings of the current application."""
    return cast(Settings, current_app.extensions["settings"])


def recall() -> Recall:
    """Return the pasts of the current application's market."""
    return cast(Recall, current_app.extensions["recall"])


def hub() -> Hub:
    """Return the hub of the current application."""
    return cast(Hub, current_app.extensions["hub"])


def admission() -> Admission:
    """Return the limits of the current application's stream."""
    return cast(Admission, current_app.extensions["admission"])


def scrape() -> Scrape:
    """Return what puts the current application's numbers together."""
    return cast(Scrape, current_app.extensions["scrape"])


def readiness() -> Readiness:
    """Return the checks of the current application."""
    return cast(Readiness, current_app.extensions["readiness"])


def relay() -> Relay:
    """Return the relay of the current application, which has begun to relay."""
    found = cast(Relay, current_app.extensions["relay"])
    found.start()
    return found
