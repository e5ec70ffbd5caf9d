"""`/healthz`: is the process alive? `/readyz`: does it deliver prices?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import simplejson
from flask import Blueprint, Response

from tracker import __version__
from tracker.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Return 200 and the version: the process is alive. Nothing is checked."""
    return _json(200, {"status": "alive", "version": __version__})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200 if prices are delivered, else 503, and what each check found."""
    checks = services().readiness.checks()
    is_ready = all(check.ok for check in checks if check.fatal)
    found = {check.pop("name"): check for check in map(asdict, checks)}
    body = {"status": "ready" if is_ready else "not ready", "checks": found}
    return _json(200 if is_ready else 503, body)


def _json(status: int, body: dict[str, Any]) -> Response:
    text = simplejson.dumps(body, indent=2) + "\n"
    headers = {"Cache-Control": "no-store"}
    return Response(text, status, content_type="application/json", headers=headers)
