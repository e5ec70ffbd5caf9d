"""Tests of the scripts that need no page, under node."""
