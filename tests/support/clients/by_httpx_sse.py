"""Prints the id of each tick of the stream that is named, for ever; httpx-sse."""

import sys
import time

import httpx
from httpx_sse import SSEError, connect_sse

last = ""
while True:
    headers = {"Last-Event-ID": last} if last else {}
    try:
        with (
            httpx.Client(timeout=20) as client,
            connect_sse(client, "GET", sys.argv[1], headers=headers) as source,
        ):
            for event in source.iter_sse():
                if event.event == "prices":
                    last = event.id
                    print(last, flush=True)  # noqa: T201
    except (httpx.HTTPError, SSEError):
        pass
    time.sleep(0.2)
