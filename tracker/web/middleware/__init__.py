"""What applies to all requests: compression, headers, limits, errors, static files."""
