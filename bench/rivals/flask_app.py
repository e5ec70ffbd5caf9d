# mypy: ignore-errors
"""flask-sse as its documentation uses it: a Redis connection for each reader."""

import os

from flask import Flask
from flask_sse import sse

app = Flask(__name__)
app.config["REDIS_URL"] = os.environ["REDIS_URL"]
app.register_blueprint(sse, url_prefix="/stream")
