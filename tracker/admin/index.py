"""The admin's own pages: the jobs, and logging in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar, cast

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import AdminIndexView, expose
from redis.exceptions import RedisError

from tracker.admin import job_status
from tracker.admin.audit_log import note
from tracker.admin.auth import door, next_address
from tracker.admin.dashboard import connection
from tracker.logs.context import current
from tracker.logs.redaction import hiding
from tracker.services import services

F = TypeVar("F", bound=Callable[..., ResponseReturnValue])
at: Callable[..., Callable[[F], F]] = expose
"""Flask-Admin's decorator, with its type."""


class Pages(AdminIndexView):  # type: ignore[misc]
    """What an operator looks at first."""

    @at("/")
    def index(self) -> ResponseReturnValue:
        """Show what the jobs do, or that Redis does not tell."""
        found = told = trouble = None
        try:
            found = job_status.look(connection(), hiding(services().settings))
            told = services().backend.refresh_stats.read()
        except (RedisError, OSError) as error:
            trouble = hiding(services().settings)(str(error))
        return self._page(
            "admin/jobs.html",
            jobs=found,
            told=told,
            trouble=trouble,
            health=services().backend.store.source_state(),
            status=services().relay.status(),
            newest=services().relay.state.newest,
        )

    @at("/refresh", methods=["POST"])
    def refresh(self) -> ResponseReturnValue:
        """Queue a refresh, and tell what became of the wish."""
        try:
            done = job_status.refresh_now(
                connection(),
                services().backend.store.source_state(),
                services().settings.interval,
                current("request") or "",
            )
        except (RedisError, OSError) as error:
            done = (
                f"Not queued: Redis cannot be reached ({hiding(services().settings)(str(error))})."
            )
        note("refresh now: %s", done)
        flash(done, "warning" if done.startswith("Not") or ";" in done else "success")
        return redirect(url_for("admin.index"))

    @at("/login", methods=["GET", "POST"])
    def login(self) -> ResponseReturnValue:
        """Ask for the password, and let those in who know it."""
        wanted = next_address(request.args.get("next", ""))
        if request.method != "POST":
            return redirect(wanted) if door().is_in() else self._form("", 200)
        wait = door().seconds_to_wait()
        if wait is not None:
            note("login: locked out, too many attempts", level=logging.WARNING)
            response = self._form(f"Too many attempts. Try again in {wait} s.", 429)
            response.headers["Retry-After"] = str(wait)
            return response
        user = request.form.get("user", "")
        if not door().opens(user, request.form.get("password", "")):
            note("login: refused, user %r", user, level=logging.WARNING)
            return self._form("That is not the user or not the password.", 401)
        door().let_in()
        note("login: let in")
        return redirect(wanted)

    @at("/logout", methods=["POST"])
    def logout(self) -> ResponseReturnValue:
        """End the session."""
        door().let_out()
        note("logout")
        return redirect(url_for("admin.login"))

    def _form(self, trouble: str, status: int) -> Response:
        return make_response(self._page("admin/login.html", trouble=trouble), status)

    def _page(self, template: str, **values: object) -> str:
        return cast(str, self.render(template, **values))
