"""Pages and the API's answers, compressed for those who accept it.

A compressed answer's ETag is weak (RFC 9110, 8.8.3.3): it is the same answer in
another coding, and the view's own comparison, which comes before any work is done,
finds it again. Flask-Compress would make it another tag, known to no view.

What is streamed is left alone, `/stream` above all: its hub compresses by itself, and
its socket is handed over. Assets are compressed when this sees them.
"""

from __future__ import annotations

from flask import Flask, Response
from flask_compress import Compress

KINDS = {
    "application/json", "application/manifest+json", "application/problem+json",
    "text/csv", "text/html", "text/plain",
}  # fmt: skip
SETTINGS = {
    "COMPRESS_ALGORITHM": ["br", "gzip"],
    "COMPRESS_BR_LEVEL": 5,
    "COMPRESS_EVALUATE_CONDITIONAL_REQUEST": False,
    "COMPRESS_LEVEL": 6,
    "COMPRESS_MIMETYPES": sorted(KINDS),
    "COMPRESS_REGISTER": False,
    "COMPRESS_STREAMS": False,
}
"""Levels at which the page of 250 coins costs some milliseconds: all others wait for it."""


def register(app: Flask) -> None:
    """Compress what *app* answers."""
    app.config.update(SETTINGS)
    compress = Compress(app)

    @app.after_request
    def squeeze(response: Response) -> Response:
        if response.is_streamed or response.mimetype not in KINDS:
            return response
        etag, _ = response.get_etag()
        response = compress.after_request(response)
        if etag and "Content-Encoding" in response.headers:
            response.set_etag(etag, weak=True)
        return response
