"""Tests of web, middleware."""
