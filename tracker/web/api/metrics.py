"""`/metrics` for Prometheus. It holds no secrets, but need not be public either."""

from __future__ import annotations

from flask import Blueprint, Response, request

from tracker.services import services

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the metrics of all web processes and of the refreshes."""
    body, content_type = services().collector.text(request.headers.get("Accept", ""))
    return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})
