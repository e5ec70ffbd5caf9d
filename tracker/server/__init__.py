"""The web server around the application: gunicorn's worker, limits on requests."""
