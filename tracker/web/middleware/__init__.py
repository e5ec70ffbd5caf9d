"""What is the same for every answer: compression, headers, limits, errors, static files."""
