"""What stops one contender, and not the run."""

import subprocess

from redis.exceptions import RedisError


class CannotRunError(Exception):
    """Something is missing or did not start; `str()` of it goes below the table."""


FAILURES = (CannotRunError, OSError, RedisError, subprocess.SubprocessError)
"""What a contender may fail with: it is left out from then on, and that is said."""
