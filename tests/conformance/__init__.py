"""A conformance kit for streams of Server-Sent Events: `python -m tests.conformance URL`."""
