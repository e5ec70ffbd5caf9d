"""The mutation check: the code is broken on purpose, and a test must notice."""
