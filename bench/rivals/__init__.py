"""Libraries from PyPI that do the same, each in an environment of its own."""
