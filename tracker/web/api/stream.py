"""`/stream`: the events, for browsers, curl and anybody else."""

import random

from flask import Blueprint, Response, request

from tracker.services import services
from tracker.stream import frames
from tracker.stream.admission import NotAdmittedError
from tracker.stream.frames import LastEventId, Variant
from tracker.stream.response import EventStream
from tracker.web.middleware import query_params
from tracker.web.middleware.client_address import client_network
from tracker.web.middleware.problem_details import problem

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "Vary": "Accept-Encoding",
}

GZIP_HEADERS = HEADERS | {"Content-Encoding": "gzip"}

MAX_ID = 128
"""Characters of a Last-Event-ID that are read; ours have 13."""
REFUSED_FOR = 60
"""Seconds, about, after which a refused reader may try again."""

blueprint = Blueprint("stream", __name__)


@blueprint.get("/stream")
def stream() -> Response:
    """Begin an event stream and leave it to the hub."""
    coins = query_params.coins(services().relay.state)
    variant = Variant(tuple(sorted(coins)), gzip=accepts_gzip())  # equal choices are equal
    headers = GZIP_HEADERS if variant.gzip else HEADERS
    if request.method == "HEAD":
        return head(headers)
    last_event_id = _last_event_id()
    if last_event_id and last_event_id.id is not None:
        services().relay.sync_until(last_event_id.id)
    try:  # last: the ticket is taken by the response, or given back when that is closed
        ticket = services().hub.admit(client_network(), variant, last_event_id)
    except NotAdmittedError as refusal:
        return _refuse(str(refusal))
    return Response(EventStream(ticket), headers=headers, direct_passthrough=True)


def head(headers: dict[str, str]) -> Response:
    """Return the head of a stream: without a length, which it has not."""
    response = Response(headers=headers | {"Connection": "close"})
    response.automatically_set_content_length = False
    return response


def accepts_gzip() -> bool:
    """Return whether gzip is accepted; most who do not accept it say nothing at all."""
    return "HTTP_ACCEPT_ENCODING" in request.environ and request.accept_encodings["gzip"] > 0


def _last_event_id() -> LastEventId | None:
    """Return the header's, which a browser keeps up to date, or else the address's."""
    given = request.headers.get("Last-Event-ID") or query_params.given_once("last_event_id")
    return LastEventId.parse(given[:MAX_ID]) if given else None


def seconds_to_wait() -> int:
    """Return when a refused reader may try again: not all at once."""
    return round(REFUSED_FOR * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret


def _refuse(reason: str) -> Response:
    """Refuse in a way that a browser survives: it gives up for ever on any status but 200."""
    seconds = seconds_to_wait()
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return problem(503, f"{reason}; try again in {seconds} s", Retry_After=str(seconds))
    body = frames.retry(seconds * 1000) + frames.comment(reason)
    return Response(body, headers=HEADERS | {"Connection": "close"})
