"""`/api/price/<coin>` and `/api/convert`: one number as text, for shells and spreadsheets, or JSON.

The text is a plain decimal in a line. The `Tracker-Status` header says how fresh prices are, as in
`/api/prices`; it is on errors, too. A price that is stale is given, with a `warning` in the JSON.
"""

from decimal import Decimal

import simplejson
from flask import Blueprint, Response, request
from simplejson import RawJSON
from werkzeug.exceptions import NotFound

from tracker.market import rates
from tracker.market.freshness import Status
from tracker.market.rates import Unit
from tracker.services import services
from tracker.times import iso, now_ms
from tracker.web.api.prices import newest_tick
from tracker.web.middleware import query_params

blueprint = Blueprint("values", __name__, url_prefix="/api")


@blueprint.after_request
def add_status(response: Response) -> Response:
    """Say how fresh prices are, also where there are none."""
    response.headers["Tracker-Status"] = services().relay.status().to_json()
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


@blueprint.get("/price/<coin>")
def price(coin: str) -> Response:
    """Return one coin's price, in the tracker's currency with every digit, or in `?currency=`."""
    newest, market, own = newest_tick(), services().relay.state, services().settings.currency
    id = query_params.coin(coin, market)
    quote = newest.tick.quote(id)
    if quote is None:
        raise NotFound(f"{id} has no price now: it is no longer followed")
    to = query_params.currency(market, own)
    value = quote.price if to.code == own else rates.rounded(quote.price / to.worth)
    if not query_params.wants_json():
        return _text(value)
    status = services().relay.status()
    body = {"coin": id, "currency": to.code, "price": _plain(value), "at": iso(newest.id)}
    return _json(body | _freshness(status, (to,), uses_prices=True))


@blueprint.get("/convert")
def convert() -> Response:
    """Return `?amount=` of `?from=` in `?to=`, each of which is a coin or a currency."""
    market, own = services().relay.state, services().settings.currency
    amount = query_params.amount()
    of = query_params.unit("from", market, own)
    to = query_params.unit("to", market, own, default=own)
    value = rates.convert(amount, of, to)
    if not query_params.wants_json():
        return _text(value)
    status, coins = services().relay.status(), of.coin or to.coin
    body = {
        "amount": _plain(amount),
        "from": _described(of),
        "to": _described(to),
        "result": _plain(value),
        "at": iso(market.newest.id) if coins and market.newest else None,
    }
    return _json(body | _freshness(status, (of, to), uses_prices=bool(coins)))


def _freshness(status: Status, units: tuple[Unit, ...], *, uses_prices: bool) -> dict[str, object]:
    """Return how old what was used is, and the warning if that is too old."""
    warnings = []
    if uses_prices and status.state != "live":
        warnings.append(f"{status.state}: {status.reason or 'no new prices come'}")
    rates_at = min((unit.at for unit in units if unit.at is not None), default=None)
    if rates_at is not None and now_ms() - rates_at > services().settings.rates_old_after_ms:
        warnings.append(f"the exchange rates are old: of {iso(rates_at)}")
    return {
        "rates_at": None if rates_at is None else iso(rates_at),
        "status": status.state,
        "warning": "; ".join(warnings) or None,
    }


def _described(unit: Unit) -> dict[str, str | None]:
    return {"code": unit.code, "coin": unit.coin.id if unit.coin else None}


def _plain(value: Decimal) -> RawJSON:
    """Return *value* as JSON has it, with each digit and without an exponent."""
    return RawJSON(f"{value:f}")


def _text(value: Decimal) -> Response:
    return _varied(Response(f"{value:f}\n", content_type="text/plain; charset=utf-8"))


def _json(body: dict[str, object]) -> Response:
    text = simplejson.dumps(body, separators=(",", ":")) + "\n"
    return _varied(Response(text, content_type="application/json"))


def _varied(response: Response) -> Response:
    if "format" not in request.args:
        response.vary.add("Accept")
    return response
