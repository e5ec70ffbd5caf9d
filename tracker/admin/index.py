"""The admin's own pages: the jobs, and logging in and out."""

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

from flask import Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import AdminIndexView, expose
from redis.exceptions import RedisError

from tracker.admin import auth, job_status
from tracker.admin.auth import audit, next_address
from tracker.logs.context import current_id
from tracker.logs.redaction import redactor
from tracker.services import services

F = TypeVar("F", bound=Callable[..., ResponseReturnValue])
at: Callable[..., Callable[[F], F]] = expose
"""Flask-Admin's decorator, with its type."""


class Index(AdminIndexView):  # type: ignore[misc]
    """The jobs, and logging in and out."""

    @at("/")
    def index(self) -> ResponseReturnValue:
        """Show queue, schedule, workers and failures, or that Redis cannot be reached."""
        its = services()
        hide = redactor(its.settings)
        its.relay.start()
        found: dict[str, object] = {
            "state": its.backend.store.source_state(),
            "status": its.relay.status(),
            "newest": its.relay.state.newest,
        }
        try:
            found["jobs"] = job_status.look(auth.redis(), hide)
            found["stats"] = its.backend.refresh_stats.read()
        except (RedisError, OSError) as error:
            found["trouble"] = hide(str(error))
        return self.page("admin/jobs.html", **found)

    @at("/refresh", methods=["POST"])
    def refresh(self) -> ResponseReturnValue:
        """Queue a refresh out of turn."""
        state, interval = services().backend.store.source_state(), services().settings.interval
        id = current_id("request") or ""
        refresh = partial(job_status.refresh_now, auth.redis(), state, interval, id)
        return _done("refresh now", refresh)

    @at("/jobs/<path:id>/retry", methods=["POST"])
    def retry(self, id: str) -> ResponseReturnValue:
        """Queue a failed job again."""
        return _done(f"job {id}", partial(job_status.retry, auth.redis(), id))

    @at("/jobs/<path:id>/delete", methods=["POST"])
    def delete(self, id: str) -> ResponseReturnValue:
        """Delete a job that failed or waits."""
        return _done(f"job {id}", partial(job_status.delete, auth.redis(), id))

    @at("/login", methods=["GET", "POST"])
    def login(self) -> ResponseReturnValue:
        """Show the form; begin a session for the right password."""
        wanted = next_address(request.args.get("next", ""))
        if request.method != "POST":
            return redirect(wanted) if auth.is_logged_in() else self._form("", 200)
        wait_s = auth.seconds_to_wait()
        if wait_s is not None:
            audit("login: locked out, too many attempts", level=logging.WARNING)
            response = self._form(f"Too many attempts. Try again in {wait_s} s.", 429)
            response.headers["Retry-After"] = str(wait_s)
            return response
        user = request.form.get("user", "")
        if not auth.accepts(user, request.form.get("password", "")):
            audit("login: refused, user %r", user, level=logging.WARNING)
            return self._form("Wrong user or password.", 401)
        auth.login()
        audit("login: accepted")
        return redirect(wanted)

    @at("/logout", methods=["POST"])
    def logout(self) -> ResponseReturnValue:
        """End the session."""
        auth.logout()
        audit("logout")
        return redirect(url_for("admin.login"))

    def page(self, template: str, **values: object) -> str:
        """Return *template* with the admin's menu; *values* are what it shows."""
        return cast(str, self.render(template, **values))

    def _form(self, trouble: str, status: int) -> Response:
        return make_response(self.page("admin/login.html", trouble=trouble), status)


def _done(what: str, act: Callable[[], str]) -> ResponseReturnValue:
    """Act, log and show what was done, and go back to the jobs."""
    try:
        done = act()
    except (RedisError, OSError) as error:
        done = f"Not done: Redis cannot be reached ({redactor(services().settings)(str(error))})."
    audit("%s: %s", what, done)
    return back_to("admin.index", done)


def back_to(endpoint: str, done: str) -> ResponseReturnValue:
    """Go back to *endpoint*'s page and show what was done there, in a sentence.

    It is a warning where it begins with `Not`, or has a `;` and what is to be known besides.
    """
    flash(done, "warning" if done.startswith("Not") or ";" in done else "success")
    return redirect(url_for(endpoint))
