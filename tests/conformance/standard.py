"""The points of the standard: they hold for any stream of events."""

from __future__ import annotations

import re

from tests.conformance.point import Point, Server, Verdict, adding_to, held, not_seen

FRIENDLY_ID = re.compile(r'[^:"{\[@<\0\r\n]{1,128}')
"""Ids that browsers send back across origins without asking first (the Fetch standard)."""

POINTS: list[Point] = []
point = adding_to(POINTS, "standard")


@point
def status(server: Server) -> Verdict:
    """The answer's status is 200: at any other a browser gives up for ever, 204 included."""
    with server.open() as stream:
        return held(stream.response.status == 200, f"status {stream.response.status}")


@point
def content_type(server: Server) -> Verdict:
    """The type is text/event-stream; a charset, if any, is UTF-8."""
    with server.open() as stream:
        found = stream.header("Content-Type")
    return held(bool(re.fullmatch(r"text/event-stream(;\s*charset=utf-8)?", found)), found)


@point
def grammar(server: Server) -> Verdict:
    """Lines are UTF-8 with fields that readers know; no event comes without data."""
    with server.open() as stream:
        stream.read_until(lambda said: len(said.events) >= 2, server.interval)
        said = stream.said
    if not said.order:
        return Verdict("fail", "nothing came")
    return held(not said.faults, "; ".join(said.faults) or f"{len(said.order)} blocks")


@point
def ids_travel(server: Server) -> Verdict:
    """Ids have at most 128 characters, none of which makes browsers preflight across origins."""
    with server.open() as stream:
        stream.read_until(lambda said: any(e.id for e in said.events), server.interval)
        ids = [event.id for event in stream.said.events if event.id]
    if not ids:
        return not_seen("no event had an id")
    return held(all(FRIENDLY_ID.fullmatch(id) for id in ids), ids[-1])


@point
def head(server: Server) -> Verdict:
    """HEAD has the headers of GET, no body, and an end."""
    with server.open(method="HEAD") as stream:
        ended = stream.read_until(lambda _: False, 2) or stream.ended
        body = stream.said.order
        found = stream.header("Content-Type")
        ok = stream.response.status == 200 and found.startswith("text/event-stream")
    return held(ok and ended and not body, f"status {stream.response.status}, {found}")


@point
def not_for_caches(server: Server) -> Verdict:
    """Neither a cache may keep it nor a proxy change or hold it back."""
    with server.open() as stream:
        cache, buffering = stream.header("Cache-Control"), stream.header("X-Accel-Buffering")
    ok = ("no-store" in cache or "no-cache" in cache) and "no-transform" in cache
    return held(ok and buffering == "no", f"{cache!r}, X-Accel-Buffering {buffering!r}")


@point
def other_methods(server: Server) -> Verdict:
    """A stream is read: POST is refused with 405."""
    with server.open(method="POST", Content_Length="0") as stream:
        return held(stream.response.status == 405, f"status {stream.response.status}")


@point
def gzip_is_not_held_back(server: Server) -> Verdict:
    """With gzip each event can be read when it is sent, and caches are told by Vary."""
    with server.open(Accept_Encoding="gzip") as stream:
        if stream.header("Content-Encoding") != "gzip":
            return not_seen("the server does not compress")
        came = stream.read_until(lambda said: bool(said.events), server.interval)
        vary = stream.header("Vary")
    return held(came and "accept-encoding" in vary, f"readable: {came}, Vary {vary!r}")


@point
def gzip_is_asked_for(server: Server) -> Verdict:
    """Who does not accept gzip gets none."""
    with server.open(Accept_Encoding="identity") as stream:
        found = stream.header("Content-Encoding")
    return held(found in ("", "identity"), found or "identity")


@point
def cors(server: Server) -> Verdict:
    """An origin that may read is told so, and any other is not."""
    with server.open(Origin="https://stranger.invalid") as stream:
        stranger = stream.header("Access-Control-Allow-Origin")
    if server.origin is None:
        return held(stranger in ("", "*"), f"a stranger gets {stranger or 'nothing'}")
    with server.open(Origin=server.origin) as stream:
        friend = stream.header("Access-Control-Allow-Origin")
    ok = friend in (server.origin.lower(), "*") and stranger in (
        "",
        friend if friend == "*" else "",
    )
    return held(
        ok, f"{server.origin} gets {friend or 'nothing'}, a stranger {stranger or 'nothing'}"
    )


@point
def cors_preflight(server: Server) -> Verdict:
    """OPTIONS lets an origin that may read send Last-Event-ID."""
    if server.origin is None:
        return not_seen("no --origin was given")
    asked = {
        "Origin": server.origin,
        "Access_Control_Request_Method": "GET",
        "Access_Control_Request_Headers": "last-event-id",
    }
    with server.open(method="OPTIONS", **asked) as stream:
        allowed = stream.header("Access-Control-Allow-Headers")
        ok = stream.response.status in (200, 204) and ("last-event-id" in allowed or allowed == "*")
    return held(ok, f"status {stream.response.status}, {allowed!r}")


@point
def strange_last_event_ids(server: Server) -> Verdict:
    """Any Last-Event-ID is survived: too long, not a number, not ours, from the future."""
    strange = ("x" * 4000, "-1", "1e9", "0", "9" * 30, "%00", "¹²³", "<script>", " ")
    answers = {}
    for last in strange:
        value = last.encode("latin-1", "replace").decode("latin-1")
        with server.open(Last_Event_ID=value) as stream:
            answers[last[:12]] = stream.response.status
    bad = {last: status for last, status in answers.items() if status not in (200, 400)}
    return held(not bad, f"{len(answers)} tried" if not bad else str(bad))
