"""Styles, scripts and icons, at addresses that change with their content.

In `/assets/<digest>/js/live/live.js` the digest is of all files together, since modules
import each other by relative paths. The current digest's files may be cached for a year. Any
other digest (a page from before an upgrade) gets the current file, to be revalidated each time.

All files are in memory, and each is compressed once. The trap: files that are added later are
missing, except in debug mode, which reads the folders for each request.
"""

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
"""The kinds of files; a file of any other kind is not served."""
COMPRESSED = (".css", ".js", ".svg")
FOREVER = "public, max-age=31536000, immutable"
BROTLI_QUALITY = 10
"""Compressing holds up the process, once: 90 ms for Bootstrap's CSS, 3 ms for a script.
One step less makes files 6 % larger, one more takes three times as long."""

blueprint = Blueprint("assets", __name__)


class Assets:
    """All files by name, and the digest of them all."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        parts = [f"{name} {digest_of(files[name])}" for name in sorted(files)]
        self.digest = digest_of("\n".join(parts).encode())


def read(*, minify: bool) -> Assets:
    """Return the files in `static/`, and Bootstrap's CSS; scripts without comments if *minify*."""
    files = {}
    for path in (ROOT / "static").rglob("*"):
        if path.suffix in TYPES and path.is_file():
            body = path.read_bytes()
            name = path.relative_to(ROOT / "static").as_posix()
            files[name] = rjsmin.jsmin(body) if minify and path.suffix == ".js" else body
    spec = find_spec("flask_bootstrap")  # not imported: only its CSS is used
    assert spec and spec.origin, "Bootstrap-Flask is not installed"  # noqa: PT018
    css = Path(spec.origin).parent / "static/bootstrap5/css/bootstrap.min.css"
    return Assets(files | {"bootstrap/bootstrap.min.css": css.read_bytes()})


def digest_of(body: bytes) -> str:
    """Return what identifies *body* in addresses and ETags."""
    return hashlib.sha256(body).hexdigest()[:12]


@lru_cache(maxsize=1000)
def _compressed(body: bytes, coding: str) -> bytes:
    if coding == "br":
        return bytes(brotli.compress(body, quality=BROTLI_QUALITY))
    return gzip.compress(body, mtime=0)


@blueprint.record_once
def _read_once(state: BlueprintSetupState) -> None:
    state.app.extensions["assets"] = read(minify=True)


def _assets() -> Assets:
    assets: Assets = current_app.extensions["assets"]
    if current_app.debug:
        g.assets = assets = g.get("assets") or read(minify=False)
    return assets


@blueprint.app_template_global("asset")
def address(name: str) -> str:
    """Return the address of a file in `static/`. Raises `LookupError` if there is none."""
    assets = _assets()
    if name not in assets.files:
        raise LookupError(f"{name} is not in static/, or of none of the kinds {[*TYPES]}")
    return url_for("assets.file", digest=assets.digest, name=name)


@blueprint.get("/assets/<digest>/<path:name>")
def file(digest: str, name: str) -> Response:
    """Return a file, cacheable for a year at its current address."""
    assets = _assets()
    if name not in assets.files:
        abort(404)
    body, suffix, coding = assets.files[name], Path(name).suffix, None
    if suffix in COMPRESSED:
        coding = request.accept_encodings.best_match(["br", "gzip"])
        body = _compressed(body, coding) if coding else body
    headers = {"Cache-Control": FOREVER if digest == assets.digest else "no-cache"}
    if suffix in COMPRESSED:
        headers["Vary"] = "Accept-Encoding"
    if coding:
        headers["Content-Encoding"] = coding
    response = Response(body, headers=headers, content_type=TYPES[suffix])
    response.set_etag(digest_of(body))
    response.make_conditional(request)
    return response
