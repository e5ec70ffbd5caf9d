"""What a WSGI server imports: `gunicorn wsgi:app`, `flask --app wsgi`."""

import sys

from tracker import create_app
from tracker.errors import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(str(error))
