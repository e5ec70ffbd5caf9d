"""The benchmarks: `make bench`, or `python -m bench --help`.

They start the real web process, hold thousands of readers on it, publish ticks
as the worker does, and measure beside it, in the same run and with the same
frames, a bare loop of `send()` (the floor), nchan, and two libraries from PyPI.
The machine's mood hits all alike: the contenders take turns within each round,
and what counts is their ratio.
"""
