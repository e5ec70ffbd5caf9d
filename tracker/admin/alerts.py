"""The alerts page: rules that send a message, how they stand, and how their targets do.

Rules are made as `flask alerts` makes them, by `market.alert_input`, whose errors the form shows
beside the field that they are of. A test goes by the outbox, so that a target that hangs is the
worker's matter. Targets are shown by their names: their URLs are secrets, also here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from flask import make_response, request
from flask.typing import ResponseReturnValue
from flask_admin import BaseView
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tracker.admin import auth, job_status
from tracker.admin.auth import audit
from tracker.admin.index import at, back_to
from tracker.errors import RuleError
from tracker.logs.redaction import redactor
from tracker.market import alert_input
from tracker.market.alerts import (
    CHANGE_MARGIN,
    OF_FRESHNESS,
    OF_PRICES,
    PRICE_MARGIN,
    Rule,
    Situation,
    distance,
)
from tracker.services import services
from tracker.storage.alerts import AlertStore
from tracker.text.alerts import description, one_line, standing
from tracker.times import iso, now_ms

PAGE = 100
"""Rules of a page."""
MAX_TEXT = 200
"""Characters of a field that are read."""
FIELDS = ("kind", "coin", "limit", "currency", "window", "margin", "expires_at", "note")
TEST = "This is a test of the crypto tracker's alerts."


class Alerts(BaseView):  # type: ignore[misc]
    """Rules and targets of alerts."""

    @at("/")
    def index(self) -> ResponseReturnValue:
        """Show the form for a rule, all rules page by page, and the targets."""
        return self._page({"kind": "above"}, {}, None)

    @at("/add", methods=["POST"])
    def add(self) -> ResponseReturnValue:
        """Add the rule that the form says."""
        return self._save(None)

    @at("/<int:id>", methods=["GET", "POST"])
    def change(self, id: int) -> ResponseReturnValue:
        """Show the form for the rule *id*; have it be what the form says."""
        try:
            rule = _store().get(id)
        except RuleError as error:
            return _back(f"Not found: {error}.")
        if request.method == "POST":
            return self._save(rule)
        return self._page(_texts(rule), {}, rule)

    @at("/<int:id>/pause", methods=["POST"])
    def pause(self, id: int) -> ResponseReturnValue:
        """Pause the rule *id*."""
        return _done(id, "Paused", lambda store: _set_paused(store, id, True))

    @at("/<int:id>/resume", methods=["POST"])
    def resume(self, id: int) -> ResponseReturnValue:
        """Resume the rule *id*, armed by the newest price."""
        return _done(id, "Resumed", lambda store: _set_paused(store, id, False))

    @at("/<int:id>/delete", methods=["POST"])
    def delete(self, id: int) -> ResponseReturnValue:
        """Delete the rule *id*."""
        return _done(id, "Deleted", lambda store: store.remove(id))

    @at("/test/<target>", methods=["POST"])
    def test(self, target: str) -> ResponseReturnValue:
        """Put a test message to *target*, by its name, into the outbox, and queue its delivery."""
        outbox = services().backend.outbox
        if target not in outbox.targets:
            return _back("Not sent: TRACKER_NOTIFY has no target of this name any more.")
        try:
            outbox.put(TEST, now_ms(), [target])
        except SQLAlchemyError:
            return _back("Not sent: the database cannot be written to.")
        done = f"A test to {target} waits to be sent"
        try:
            is_alive = job_status.deliver_now(auth.redis())
            done += "." if is_alive else "; no worker is alive, so it goes out when one starts."
        except (RedisError, OSError):
            done += "; Redis cannot be reached, so it goes out a little later."
        audit("alerts: %s", done)
        return _back(f"{done} Look again in a few seconds: below is what became of it.")

    def _save(self, old: Rule | None) -> ResponseReturnValue:
        """Store what the form says, or show it again with what is not accepted."""
        form, now, store = _form(), now_ms(), _store()
        rule, errors = _rule_of(form, store.situation(now), now)
        if rule is not None:
            try:
                if old is None:
                    return _told("Added", store.add(rule, now))
                return _told("Changed", store.change(old.id, partial(_in_place_of, rule), now))
            except RuleError as error:
                errors[""] = str(error)
        return make_response(self._page(form, errors, old), 422)

    def _page(self, form: Mapping[str, str], errors: Mapping[str, str], rule: Rule | None) -> str:
        """Return the page with *form* filled in, to add a rule or to change *rule*."""
        its, now = services().backend, now_ms()
        rules, situation = its.alerts.all(), its.alerts.situation(now)
        first = max(0, request.args.get("first", 0, type=int))
        shown = [
            {
                "rule": one,
                "text": description(one),
                "standing": standing(one, now, distance(one, situation)),
            }
            for one in rules[first : first + PAGE]
        ]
        try:
            counts = its.refresh_stats.read().alerts
        except (RedisError, OSError):
            counts = None
        text: str = self.render(
            "admin/alerts.html",
            form=form,
            errors=errors,
            changed=rule,
            rules=shown,
            count=len(rules),
            first=first,
            page=PAGE,
            tick=situation.tick,
            targets=its.outbox.states(),
            counts=counts,
            hide=redactor(its.settings),
        )
        return text


def _store() -> AlertStore:
    return services().backend.alerts


def _form() -> dict[str, str]:
    form = {name: request.form.get(name, "")[:MAX_TEXT].strip() for name in FIELDS}
    return form | {"once": "once" if "once" in request.form else ""}


def _rule_of(
    form: Mapping[str, str], situation: Situation, now: int
) -> tuple[Rule | None, dict[str, str]]:
    """Return the rule that *form* says, or None and what is not accepted, by field."""
    errors: dict[str, str] = {}

    def accepted(parse: Callable[[], Any]) -> Any:
        try:
            return parse()
        except RuleError as error:
            errors[error.field] = str(error)

    words = {name: form[name] for name in ("kind", "coin", "limit", "currency", "window")}
    rule = accepted(lambda: alert_input.rule(**words, tick=situation.tick, rates=situation.rates))
    margin, expires = form["margin"], form["expires_at"]
    more: dict[str, Any] = {"once": bool(form["once"]), "note": one_line(form["note"])}
    if margin:
        more["margin"] = accepted(lambda: alert_input.margin(margin))
    if expires:
        more["expires_at"] = accepted(lambda: alert_input.expiry(expires, now))
    return (None if errors else replace(rule, **more)), errors


def _texts(rule: Rule) -> dict[str, str]:
    """Return what the form has for *rule*, without a margin that comes by itself."""
    usual = PRICE_MARGIN if rule.kind in OF_PRICES else CHANGE_MARGIN
    is_usual = rule.margin == usual or rule.kind in OF_FRESHNESS
    return {
        "kind": rule.kind,
        "coin": rule.coin,
        "limit": f"{rule.limit:f}" if rule.limit else "",
        "currency": rule.currency,
        "window": rule.window,
        "margin": "" if is_usual else f"{rule.margin:f}",
        "once": "once" if rule.once else "",
        "expires_at": iso(rule.expires_at) if rule.expires_at is not None else "",
        "note": rule.note,
    }


def _set_paused(store: AlertStore, id: int, paused: bool) -> Rule:
    return store.change(id, lambda rule: replace(rule, paused=paused), now_ms())


def _in_place_of(new: Rule, old: Rule) -> Rule:
    """Return *new* with what is not in the form; a rule that is done begins anew."""
    fired_at = None if old.is_spent else old.fired_at
    return replace(new, id=old.id, paused=old.paused, fired_at=fired_at)


def _done(id: int, what: str, act: Callable[[AlertStore], Rule]) -> ResponseReturnValue:
    try:
        return _told(what, act(_store()))
    except RuleError as error:
        return _back(f"Not {what.lower()}: {error}.")


def _told(what: str, rule: Rule) -> ResponseReturnValue:
    """Log and show *what* was done to *rule*, and go back to the list."""
    audit("alert %d: %s: %s", rule.id, what.lower(), description(rule))
    return _back(f"{what} {rule.id}: {description(rule)}.")


def _back(text: str) -> ResponseReturnValue:
    return back_to("alerts.index", text)
