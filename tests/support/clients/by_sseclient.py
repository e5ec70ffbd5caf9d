"""Prints the id of each tick of the stream that is named, for ever; sseclient-py over requests."""

import sys
import time
from functools import partial

import requests
import sseclient
from urllib3.exceptions import HTTPError

last: str | None = ""
while True:
    headers = {"Accept-Encoding": "identity"} | ({"Last-Event-ID": last} if last else {})
    try:
        with requests.get(sys.argv[1], headers=headers, stream=True, timeout=20) as response:
            # What there is, at once: the response itself waits for 128 bytes, or for the end.
            chunks = iter(partial(response.raw.read1, 65536), b"")
            for event in sseclient.SSEClient(chunks).events():
                if event.event == "prices":
                    last = event.id
                    print(last, flush=True)  # noqa: T201
    except (requests.RequestException, HTTPError):
        pass
    time.sleep(0.2)
