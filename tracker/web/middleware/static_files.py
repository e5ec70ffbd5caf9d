"""Styles, scripts and icons, under addresses that change with what is in them.

`/assets/<digest>/js/live/live.js`: the digest is of all files together, and in the path,
since modules import each other by relative addresses; so nothing is built, and
scripts only lose their comments and blanks. What has its own digest may be kept for a
year. Any other digest, a page's from before an upgrade or another host's in the middle
of one, gets today's file, to be asked for again each time.

All files are in memory, and each is compressed once. The trap: what comes into the
folders later is not there, except in debug mode, which reads them for each request.

Of Bootstrap-Flask only this is used: it carries Bootstrap's CSS.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import brotli
import rjsmin
from flask import Blueprint, Response, abort, current_app, g, request, url_for
from flask.blueprints import BlueprintSetupState

from tracker.config import ROOT

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""The kinds of files there are; a file of any other kind is not served."""
SQUEEZED = (".css", ".js", ".svg")
"""Those that become smaller."""

FOREVER = "public, max-age=31536000, immutable"
BROTLI_QUALITY = 10
"""All wait while a file is compressed, once: 90 ms for Bootstrap's CSS, 3 ms for a script.
One step less makes them 6 % larger, one more takes three times as long."""

blueprint = Blueprint("assets", __name__)


class Assets:
    """All files by their names, as they were when this was made."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        parts = [f"{name} {tag(files[name])}" for name in sorted(files)]
        self.digest = tag("\n".join(parts).encode())

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def body(self, name: str, coding: str | None) -> bytes:
        """Return a file, in *coding* (`br` or `gzip`) if there is one."""
        return _squeezed(self.files[name], coding) if coding else self.files[name]


@lru_cache(maxsize=1000)
def _squeezed(body: bytes, coding: str) -> bytes:
    if coding == "br":
        squeezed: bytes = brotli.compress(body, quality=BROTLI_QUALITY)
        return squeezed
    return gzip.compress(body, mtime=0)


def tag(body: bytes) -> str:
    """Return what *body* is told apart by."""
    return hashlib.sha256(body).hexdigest()[:12]


def read() -> Assets:
    """Return what is in the folders now."""
    files = {}
    for path in (ROOT / "static").rglob("*"):
        if path.suffix in TYPES and path.is_file():
            files[path.relative_to(ROOT / "static").as_posix()] = path.read_bytes()
    files["bootstrap/bootstrap.min.css"] = _bootstrap().read_bytes()
    return Assets(files)


def lighter(assets: Assets) -> Assets:
    """Return *assets* with scripts as machines read them: two fifths less to send."""
    files = {
        name: rjsmin.jsmin(body) if name.endswith(".js") else body
        for name, body in assets.files.items()
    }
    return Assets(files)


@blueprint.record_once
def _read(state: BlueprintSetupState) -> None:
    state.app.extensions["assets"] = lighter(read())


@blueprint.app_template_global("asset")
def address(name: str) -> str:
    """Return the address of a file in `static/`, for example `js/live/live.js`.

    Raises `LookupError` if there is none, since a page would miss it.
    """
    assets = _assets()
    if name not in assets:
        raise LookupError(f"{name} is not in static/, or of none of the kinds {[*TYPES]}")
    return url_for("assets.file", digest=assets.digest, name=name)


@blueprint.get("/assets/<digest>/<path:name>")
def file(digest: str, name: str) -> Response:
    """Return a file: for a year if the address has today's digest."""
    assets = _assets()
    if name not in assets:
        abort(404)
    suffix = Path(name).suffix
    coding = request.accept_encodings.best_match(["br", "gzip"]) if suffix in SQUEEZED else None
    body = assets.body(name, coding)
    response = Response(body, content_type=TYPES[suffix])
    response.headers["Cache-Control"] = FOREVER if digest == assets.digest else "no-cache"
    if suffix in SQUEEZED:
        response.vary.add("Accept-Encoding")
    if coding:
        response.headers["Content-Encoding"] = coding
    response.set_etag(tag(body))
    response.make_conditional(request)
    return response


def _assets() -> Assets:
    if not current_app.debug:
        kept: Assets = current_app.extensions["assets"]
        return kept
    if "assets" not in g:
        g.assets = read()
    fresh: Assets = g.assets
    return fresh


def _bootstrap() -> Path:
    """Return where Bootstrap's CSS is, without running the package around it."""
    found = find_spec("flask_bootstrap")
    assert found, "Bootstrap-Flask is not installed"
    assert found.origin
    return Path(found.origin).parent / "static" / "bootstrap5" / "css" / "bootstrap.min.css"
