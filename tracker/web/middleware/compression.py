"""Pages and API responses, compressed for clients that accept it.

A compressed response's ETag is weak (RFC 9110, 8.8.3.3): the same response in another coding, so
the view's own comparison still matches it. Flask-Compress would make a tag that no view knows.

Streams are left alone: the hub compresses `/stream` by itself. Assets are compressed already.
"""

from flask import Flask, Response
from flask_compress import Compress

KINDS = (
    "application/json", "application/manifest+json", "application/problem+json",
    "text/csv", "text/html", "text/plain",
)  # fmt: skip
SETTINGS = {
    "COMPRESS_ALGORITHM": ["br", "gzip"],
    "COMPRESS_BR_LEVEL": 5,
    "COMPRESS_EVALUATE_CONDITIONAL_REQUEST": False,
    "COMPRESS_LEVEL": 6,
    "COMPRESS_MIMETYPES": KINDS,
    "COMPRESS_REGISTER": False,
    "COMPRESS_STREAMS": False,
}
"""Levels at which the page of 250 coins takes a few milliseconds, in which nothing else runs."""


def register(app: Flask) -> None:
    """Compress the responses of *app*."""
    app.config.update(SETTINGS)
    compress = Compress(app)

    @app.after_request
    def compress_response(response: Response) -> Response:
        if response.is_streamed or response.mimetype not in KINDS:
            return response
        etag, _ = response.get_etag()
        response = compress.after_request(response)
        if etag and "Content-Encoding" in response.headers:
            response.set_etag(etag, weak=True)
        return response
