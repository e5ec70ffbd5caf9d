"""`flask --app wsgi alerts …`: rules on the command line, for servers without the admin.

`flask db …`, the migrations, is Flask-Migrate's own.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, NoReturn

import click
from flask import Flask
from flask.cli import AppGroup
from flask_migrate import Migrate
from sqlalchemy.exc import SQLAlchemyError

from tracker.backend import Backend
from tracker.config import ROOT
from tracker.errors import ConfigError, NotifyError, RuleError, StoreError
from tracker.market import alert_input
from tracker.market.alerts import Rule, distance
from tracker.messaging.notify import Notifier
from tracker.services import db, services
from tracker.storage.engine import explained
from tracker.text.alerts import Event, description, one_line, standing, utc
from tracker.times import now_ms

_ADD = """Add a rule.

\b
COIN above|below PRICE [CURRENCY]      btc above 100000
                                       bitcoin below 80000 eur
COIN rises|falls|moves PERCENT [in 1h|24h]
                                       eth falls 5% in 1h
stale [MINUTES]                        no new prices for so long
live                                   prices come again

Coins are named by symbol or id. A price that is beyond the limit already fires the next
time that it gets there.
"""

alerts = AppGroup(
    "alerts",
    short_help="Rules that send a message: list, add, remove, pause, resume, test.",
    help="""Rules that send a message when a price crosses a limit: by ntfy, Telegram, mail …

    TRACKER_NOTIFY says where to; see docs/alerts.md.
    """,
)


def register(app: Flask) -> None:
    """Add the commands to *app*."""
    Migrate(app, db, directory=str(ROOT / "migrations"))
    app.cli.add_command(alerts)


def _explained(function: Callable[..., None]) -> Callable[..., None]:
    """Let what is not accepted end the command with one line."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except (RuleError, ConfigError, NotifyError) as error:
            _end(str(error))
        except (SQLAlchemyError, StoreError) as error:
            _end(f"the database does not answer, or is not migrated: {explained(error)}")

    return call


def _end(text: str) -> NoReturn:
    raise click.ClickException(text)


def _backend() -> Backend:
    return services().backend


@alerts.command("list", short_help="Show all rules, how they stand, and how targets do.")
@_explained
def list_rules() -> None:
    """Show all rules, how each stands and when it last fired, and how the targets do."""
    its, now = _backend(), now_ms()
    situation = its.alerts.situation(now)
    rules = its.alerts.all()
    if not rules:
        click.echo("No rules. Add one: flask --app wsgi alerts add bitcoin above 100000")
    for rule in rules:
        away = distance(rule, situation) if situation.tick else None
        last = f"; last fired {utc(rule.fired_at)}" if rule.fired_at else ""
        click.echo(f"{rule.id:>4}  {_described(rule)}: {standing(rule, now, away)}{last}")
    for state in its.outbox.states():
        told = f"last message {utc(state.sent_at)}" if state.sent_at else "no message yet"
        failing = f"; fails: {state.reason}" if state.reason else ""
        waiting = f"; {state.waiting} wait" if state.waiting else ""
        click.echo(f"   →  {state.name}: {told}{failing}{waiting}")
    _warn_without_targets(its)


@alerts.command(short_help="Add a rule: bitcoin above 100000 eur", help=_ADD)
@click.argument("words", nargs=-1, required=True, metavar="RULE…")
@click.option("--once", is_flag=True, help="Fire one time only; else again after each return.")
@click.option(
    "--margin",
    metavar="PERCENT",
    help="How far the value must come back before the rule can fire again, in percent of the "
    "limit: 0.5 for prices, 10 for changes if not given.",
)
@click.option("--expires", metavar="TIME", help="When the rule ends: 12h, 7d or 2026-12-24.")
@click.option("--note", default="", help="Words that are sent along, 200 characters at most.")
@_explained
def add(
    words: tuple[str, ...], once: bool, margin: str | None, expires: str | None, note: str
) -> None:
    """Add the rule that *words* say."""
    its, now = _backend(), now_ms()
    situation = its.alerts.situation(now)
    rule = alert_input.rule_of_words(words, situation.tick, situation.rates)
    if margin is not None:
        rule = replace(rule, margin=alert_input.margin(margin))
    if expires is not None:
        rule = replace(rule, expires_at=alert_input.expiry(expires, now))
    rule = its.alerts.add(replace(rule, once=once, note=one_line(note)), now)
    away = distance(rule, situation) if situation.tick else None
    click.echo(f"Added {rule.id}: {_described(rule)}: {standing(rule, now, away)}")
    _warn_without_targets(its)


@alerts.command(short_help="Remove rules by their numbers.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="NUMBER…")
@_explained
def remove(ids: tuple[int, ...]) -> None:
    """Remove rules by their numbers, which `alerts list` shows."""
    for id in ids:
        click.echo(f"Removed {id}: {_described(_backend().alerts.remove(id))}")


@alerts.command(short_help="Pause rules: they do not fire until they are resumed.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="NUMBER…")
@_explained
def pause(ids: tuple[int, ...]) -> None:
    """Pause rules: they do not fire until `alerts resume`."""
    _set_paused(ids, True)


@alerts.command(short_help="Resume rules that were paused.")
@click.argument("ids", nargs=-1, required=True, type=int, metavar="NUMBER…")
@_explained
def resume(ids: tuple[int, ...]) -> None:
    """Resume rules that were paused: each is armed by the newest price."""
    _set_paused(ids, False)


def _set_paused(ids: tuple[int, ...], paused: bool) -> None:
    its, now = _backend().alerts, now_ms()
    for id in ids:
        rule = its.change(id, lambda rule: replace(rule, paused=paused), now)
        click.echo(f"{id}: {_described(rule)}: {standing(rule, now)}")


@alerts.command(short_help="Send a test message to all targets, or those named.")
@click.argument("names", nargs=-1, metavar="[TARGET…]")
@_explained
def test(names: tuple[str, ...]) -> None:
    """Send a test message to all targets of TRACKER_NOTIFY, or those named, at once."""
    settings = _backend().settings
    known = [target.name for target in settings.targets]
    if not known:
        _end("TRACKER_NOTIFY is not set: there is nobody to send to; see docs/alerts.md")
    if unknown := [name for name in names if name not in known]:
        _end(f"{unknown[0]!r} is no target; accepted: {', '.join(known)}")
    notifier, failed = Notifier(settings.targets, settings.url), False
    event = Event(0, now_ms(), "This is a test of the crypto tracker's alerts.")
    for name in names or known:
        try:
            notifier.send(name, (event,))
            click.echo(f"{name}: sent")
        except NotifyError as error:
            click.echo(f"{name}: not sent: {error}", err=True)
            failed = True
    if failed:
        raise click.exceptions.Exit(1)


def _described(rule: Rule) -> str:
    extra = [", one time only"] if rule.once else []
    if rule.expires_at is not None:
        extra.append(f", until {utc(rule.expires_at)}")
    if rule.note:
        extra.append(f" ({rule.note})")
    return description(rule) + "".join(extra)


def _warn_without_targets(its: Backend) -> None:
    if not its.settings.notify:
        click.echo("TRACKER_NOTIFY is not set: nothing is sent; see docs/alerts.md", err=True)
