"""`/healthz`: is the process alive? `/readyz`: does it deliver prices? `/metrics`: how it does."""

from dataclasses import asdict
from typing import Any

import simplejson
from flask import Blueprint, Response, request

from tracker import __version__
from tracker.services import services

NOT_CACHED = {"Cache-Control": "no-store"}

health = Blueprint("health", __name__)
metrics = Blueprint("metrics", __name__)


@health.get("/healthz")
def healthz() -> Response:
    """Return 200 and the version: the process is alive. Nothing is checked."""
    return _json(200, {"status": "alive", "version": __version__})


@health.get("/readyz")
def readyz() -> Response:
    """Return 200 if prices are delivered, else 503, and what each check found."""
    checks = services().readiness.checks()
    is_ready = all(check.ok for check in checks if check.fatal)
    found = {check.pop("name"): check for check in map(asdict, checks)}
    body = {"status": "ready" if is_ready else "not ready", "checks": found}
    return _json(200 if is_ready else 503, body)


def _json(status: int, body: dict[str, Any]) -> Response:
    text = simplejson.dumps(body, indent=2) + "\n"
    return Response(text, status, NOT_CACHED, content_type="application/json")


@metrics.get("/metrics", endpoint="metrics")
def all_metrics() -> Response:
    """Return the metrics of all web processes and of the refreshes, for Prometheus."""
    body, content_type = services().collector.text(request.headers.get("Accept", ""))
    return Response(body, headers=NOT_CACHED, content_type=content_type)
