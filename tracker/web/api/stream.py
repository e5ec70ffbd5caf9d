"""`/stream`: the events, for browsers, curl and anybody else."""

from __future__ import annotations

import random
from functools import partial

from flask import Blueprint, Response, request

from tracker.services import services
from tracker.stream import frames
from tracker.stream.frames import Lens
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
"""Characters of a Last-Event-ID that are looked at; ours have 13."""
REFUSED_FOR = 60
"""Seconds, about, after which a reader that was refused may try again."""

blueprint = Blueprint("stream", __name__)


@blueprint.get("/stream")
def stream() -> Response:
    """Begin an event stream and leave it to the hub."""
    coins = sorted(
        query_params.coins(services().relay.state.coins)
    )  # so that equal choices are equal
    lens = Lens(tuple(coins), gzip=_accepts_gzip())
    headers = GZIP_HEADERS if lens.gzip else HEADERS
    if request.method == "HEAD":
        return Response(headers=headers)
    last_event_id = _last_event_id()
    if last_event_id and last_event_id.isascii() and last_event_id.isdigit():
        services().relay.sync_until(int(last_event_id))
    client = client_network()
    refusal = _refusal(client, lens)  # last: who is counted in must get its stream
    if refusal:
        return _refuse(refusal)
    join = partial(services().hub.join, lens=lens, last_event_id=last_event_id, client=client)
    body = EventStream(join, leave=partial(services().admission.leave, client))
    return Response(body, headers=headers, direct_passthrough=True)


def _accepts_gzip() -> bool:
    """Return whether gzip is accepted; most who do not accept it say nothing at all."""
    return "HTTP_ACCEPT_ENCODING" in request.environ and request.accept_encodings["gzip"] > 0


def _last_event_id() -> str | None:
    """Return the header's, which a browser keeps up to date, or else the address's."""
    given = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    return given[:MAX_ID] if given else None


def _refusal(client: str, lens: Lens) -> str | None:
    """Return why *client* cannot come in, or count it in."""
    if not services().hub.takes(lens.part):
        services().admission.refused["choices"] += 1
        return "too many different choices of coins are being read; leave `coins` out for all"
    return services().admission.enter(client)


def _refuse(reason: str) -> Response:
    """Say no in a way that a browser survives: it gives up for ever on any status but 200."""
    seconds = round(REFUSED_FOR * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return problem(503, f"{reason}; try again in {seconds} s", Retry_After=str(seconds))
    body = frames.retry(seconds * 1000) + frames.comment(reason)
    return Response(body, headers=HEADERS | {"Connection": "close"})
