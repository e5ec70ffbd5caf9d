# mypy: ignore-errors
"""sse-starlette as its documentation uses it: a queue and a task for each reader.

Each frame is made into bytes once, which its examples do not do: its best case.
"""

import asyncio
import json

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

queues = set()


async def stream(request):
    """Give each reader what comes into its queue."""
    queue = asyncio.Queue()
    queues.add(queue)

    async def events():
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)

    return EventSourceResponse(events(), ping=3600)


async def publish(request):
    """Put one event into every queue."""
    data = await request.body()
    event = ServerSentEvent(data.decode(), event="prices", id=str(json.loads(data)["id"])).encode()
    for queue in queues:
        queue.put_nowait(event)
    return Response(status_code=204)


app = Starlette(routes=[Route("/stream", stream), Route("/publish", publish, methods=["POST"])])
