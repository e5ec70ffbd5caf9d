"""`/watch`: the table of `/` for terminals, drawn again at each tick: `curl -N`."""

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from tracker.relay import MarketState
from tracker.services import services
from tracker.stream.admission import NotAdmittedError
from tracker.stream.frames import Variant
from tracker.stream.response import EventStream
from tracker.text.watch import Look
from tracker.web.api import stream
from tracker.web.middleware import query_params
from tracker.web.middleware.client_address import client_network
from tracker.web.middleware.terminals import HTML, varied
from tracker.web.pages import text

HEADERS = stream.HEADERS | {
    "Content-Type": "text/plain; charset=utf-8",
    "Vary": "Accept, Accept-Encoding, User-Agent",
}

blueprint = Blueprint("watch", __name__)


@blueprint.get("/watch")
def watch() -> Response | Redirect:
    """Begin to draw, and leave it to the hub; a browser is led to the page, which is live too."""
    if HTML in request.headers.get("Accept", ""):
        return varied(redirect(url_for("pages.cryptos")))
    state = services().relay.state
    coins = query_params.coins(state)
    variant = Variant(tuple(sorted(coins)), stream.accepts_gzip(), _look(state))
    headers = HEADERS | ({"Content-Encoding": "gzip"} if variant.gzip else {})
    if request.method == "HEAD":
        return stream.head(headers)
    if state.newest:
        services().weeks.of(state.newest.coins, wait_s=text.WAIT_S)
    try:  # last: the ticket is taken by the response, or given back when that is closed
        ticket = services().hub.admit(client_network(), variant)
    except NotAdmittedError as refusal:
        seconds = stream.seconds_to_wait()
        headers = HEADERS | {"Retry-After": str(seconds)}
        return Response(f"{refusal}; try again in {seconds} s\n", 503, headers)
    return Response(EventStream(ticket), headers=headers, direct_passthrough=True)


def _look(state: MarketState) -> tuple[object, ...]:
    """Return how the table is wanted; the usual look is the hub's usual one."""
    own = services().settings.currency
    currency = query_params.currency(state, own)
    look = Look(*text.look(), currency="" if currency.code == own else currency.name)
    return () if look == Look() else look
