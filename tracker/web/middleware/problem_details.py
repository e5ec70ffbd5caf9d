"""Errors: for programs as `application/problem+json` (RFC 9457), for people as a page or a text.

Causes of internal errors are logged, and never part of a response. Redirects that are the
routing's, to an address with or without a slash, are here too: they name no host.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import simplejson
from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.utils import redirect

from tracker.text.cells import clean
from tracker.web.middleware.terminals import HTML, TEXT, varied, wants_text

MACHINE_PATHS = ("/api/", "/stream", "/healthz", "/readyz", "/metrics")
"""Where programs read the errors."""
KINDS = ("text/html", "application/problem+json", "application/json")
"""Choices of `Accept` elsewhere; the first is the default."""


def problem(status: int, detail: str, **headers: str) -> Response:
    """Return an error response; *detail* says what was wrong, what is accepted or what to do.

    *headers* are named with `_` for `-`: `Retry_After="5"`.
    """
    title = Response(status=status).status.split(" ", 1)[1].title()
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = simplejson.dumps(body) + "\n"  # for the prompt that follows in a terminal
    return Response(text, status, named, content_type="application/problem+json")


def render_error(error: HTTPException) -> str:
    """Return the site's page about *error*."""
    return render_template("error.html", error=error)


def text(error: HTTPException) -> str:
    """Return *error* in a line for terminals, which obey nothing of what it repeats."""
    return f"{clean(f'{error.name}: {error.description}')}\n"


def register(app: Flask, page: Callable[[HTTPException], str] = render_error) -> None:
    """Answer errors of *app* under `MACHINE_PATHS`, or where `Accept` wants it, with problems.

    Elsewhere the answer is *page*. Register it last: a redirect is then made first of all that
    is done after a request.
    """

    @app.errorhandler(HTTPException)
    def as_problem(error: HTTPException) -> Response | HTTPException:
        if error.code is None:
            return error
        wanted = request.accept_mimetypes.best_match(KINDS, KINDS[0])
        if request.path.startswith(MACHINE_PATHS) or wanted != KINDS[0]:
            response = problem(error.code, error.description or error.name)
            response.vary.add("Accept")
        else:
            in_text = wants_text()
            response = make_response(text(error) if in_text else page(error), error.code)
            response.mimetype = TEXT if in_text else HTML
            response.headers["Cache-Control"] = "no-cache"
            varied(response)
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.after_request
    def name_no_host(response: Response) -> Response:
        """Werkzeug names the request's own `Host`, and caches keep a 308 for good."""
        redirection = request.routing_exception
        if not isinstance(redirection, RequestRedirect):
            return response
        parts = urlsplit(redirection.new_url)
        path = "/" + parts.path.lstrip("/")  # two slashes would begin a host
        location = parts._replace(scheme="", netloc="", path=path).geturl()
        return make_response(redirect(location, redirection.code))
