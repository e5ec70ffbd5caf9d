"""Tests of worker, sources."""
