"""A live cryptocurrency tracker: what web and worker share, and the web itself.

`create_app` puts the rooms together; each room's module says what it is for.
It imports them only when called, so that `tracker.config` alone comes quickly.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

__version__ = "1.2.0"

if TYPE_CHECKING:
    from flask import Flask

    from tracker.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application, with *settings* or those of the environment.

    Nothing is connected to yet: the database and Redis are when first used.
    Raises `ConfigError` if a setting is wrong.
    """
    from flask import Flask

    from tracker import config, services, web
    from tracker.server.request_limits import MAX_BODY
    from tracker.web.middleware.rate_limit import RateLimits

    settings = settings or config.load()
    app = Flask(
        __name__,
        root_path=str(config.ROOT),
        static_folder=None,  # see web.middleware.static_files
        template_folder="templates",
    )
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY  # under any server
    services.register(app, settings, RateLimits(settings))
    if settings.admin_password:
        from tracker import admin  # costs memory: only where it is used

        admin.mount(app)  # before the web's middleware is wrapped around both
    web.register(app)
    if "gunicorn" not in os.environ.get("SERVER_SOFTWARE", ""):  # it runs no commands: 11 MB
        from tracker import commands

        commands.register(app)
    return app
