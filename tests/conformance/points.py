"""The points that a server is checked against, each a function named and described for it.

A point of the *standard* holds for any stream of events; one of the *contract* for
a server that speaks as this product does. A point returns a `Verdict`; a server's
misbehaviour is never an exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from tests.conformance.wire import Event, Stream, Transcript

Outcome = Literal["pass", "fail", "not seen"]
STATES = ("live", "stale", "offline", "starting")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FRIENDLY_ID = re.compile(r'[^:"{\[@<\0\r\n]{1,128}')
"""Ids that browsers send back across origins without asking first (the Fetch standard)."""


class Verdict(NamedTuple):
    """What became of a point, and what was seen."""

    outcome: Outcome
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the stream is, and how patient to be; all times in seconds."""

    url: str
    interval: float = 10.0
    """Within which a further tick comes."""
    heartbeat: float = 15.0
    """Silence after which a comment is due."""
    origin: str | None = None
    """An origin that may read the stream."""

    def open(self, query: str = "", *, method: str = "GET", **headers: str) -> Stream:
        """Ask for the stream, with *query* added to its address."""
        parts = urlsplit(self.url)
        whole = "&".join(filter(None, [parts.query, query]))
        url = parts._replace(query=whole).geturl()
        return Stream(url, method=method, timeout=self.interval + 5, **headers)

    def ticks(self, stream: Stream, count: int) -> list[Event]:
        """Read until *count* `prices` have come; return those there are."""
        stream.read_until(lambda said: len(said.of("prices")) >= count, self.interval * count)
        return stream.said.of("prices")


@dataclass(frozen=True, slots=True)
class Point:
    """One thing a server has to do."""

    name: str
    source: Literal["standard", "contract"]
    sentence: str
    check: Callable[[Server], Verdict]


POINTS: list[Point] = []


def point(
    source: Literal["standard", "contract"],
) -> Callable[[Callable[[Server], Verdict]], Callable[[Server], Verdict]]:
    """Register a check; its name is the point's, its docstring the sentence."""

    def register(check: Callable[[Server], Verdict]) -> Callable[[Server], Verdict]:
        name = check.__name__.replace("_", " ")
        sentence = (check.__doc__ or "").strip().splitlines()[0]
        POINTS.append(Point(name, source, sentence, check))
        return check

    return register


def held(holds: bool, seen: str) -> Verdict:
    """Return pass or fail with what was *seen*."""
    return Verdict("pass" if holds else "fail", seen)


def not_seen(why: str) -> Verdict:
    """Return that the point could not be looked at, and *why*."""
    return Verdict("not seen", why)


@point("standard")
def status(server: Server) -> Verdict:
    """The answer's status is 200: at any other a browser gives up for ever, 204 included."""
    with server.open() as stream:
        return held(stream.response.status == 200, f"status {stream.response.status}")


@point("standard")
def content_type(server: Server) -> Verdict:
    """The type is text/event-stream; a charset, if any, is UTF-8."""
    with server.open() as stream:
        found = stream.header("Content-Type")
    return held(bool(re.fullmatch(r"text/event-stream(;\s*charset=utf-8)?", found)), found)


@point("standard")
def grammar(server: Server) -> Verdict:
    """Lines are UTF-8 with fields that readers know; no event comes without data."""
    with server.open() as stream:
        stream.read_until(lambda said: len(said.events) >= 2, server.interval)
        said = stream.said
    if not said.order:
        return Verdict("fail", "nothing came")
    return held(not said.faults, "; ".join(said.faults) or f"{len(said.order)} blocks")


@point("standard")
def ids_travel(server: Server) -> Verdict:
    """Ids have at most 128 characters, none of which makes browsers preflight across origins."""
    with server.open() as stream:
        stream.read_until(lambda said: any(e.id for e in said.events), server.interval)
        ids = [event.id for event in stream.said.events if event.id]
    if not ids:
        return not_seen("no event had an id")
    return held(all(FRIENDLY_ID.fullmatch(id) for id in ids), ids[-1])


@point("standard")
def head(server: Server) -> Verdict:
    """HEAD has the headers of GET, no body, and an end."""
    with server.open(method="HEAD") as stream:
        ended = stream.read_until(lambda _: False, 2) or stream.ended
        body = stream.said.order
        found = stream.header("Content-Type")
        ok = stream.response.status == 200 and found.startswith("text/event-stream")
    return held(ok and ended and not body, f"status {stream.response.status}, {found}")


@point("standard")
def not_for_caches(server: Server) -> Verdict:
    """Neither a cache may keep it nor a proxy change or hold it back."""
    with server.open() as stream:
        cache, buffering = stream.header("Cache-Control"), stream.header("X-Accel-Buffering")
    ok = ("no-store" in cache or "no-cache" in cache) and "no-transform" in cache
    return held(ok and buffering == "no", f"{cache!r}, X-Accel-Buffering {buffering!r}")


@point("standard")
def other_methods(server: Server) -> Verdict:
    """A stream is read: POST is refused with 405."""
    with server.open(method="POST", Content_Length="0") as stream:
        return held(stream.response.status == 405, f"status {stream.response.status}")


@point("standard")
def gzip_is_not_held_back(server: Server) -> Verdict:
    """With gzip each event can be read when it is sent, and caches are told by Vary."""
    with server.open(Accept_Encoding="gzip") as stream:
        if stream.header("Content-Encoding") != "gzip":
            return not_seen("the server does not compress")
        came = stream.read_until(lambda said: bool(said.events), server.interval)
        vary = stream.header("Vary")
    return held(came and "accept-encoding" in vary, f"readable: {came}, Vary {vary!r}")


@point("standard")
def gzip_is_asked_for(server: Server) -> Verdict:
    """Who does not accept gzip gets none."""
    with server.open(Accept_Encoding="identity") as stream:
        found = stream.header("Content-Encoding")
    return held(found in ("", "identity"), found or "identity")


@point("standard")
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


@point("standard")
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


@point("standard")
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


@point("contract")
def opens_with_retry(server: Server) -> Verdict:
    """The first thing said is `retry`, once, and it differs from reader to reader."""
    drawn = set()
    for _ in range(5):
        with server.open() as stream:
            stream.read_until(lambda said: len(said.order) >= 2, server.interval)
            said = stream.said
            if said.order[:1] != ["retry"] or len(said.retries) != 1:
                return Verdict("fail", f"it began with {said.order[:3]}")
            drawn.add(said.retries[0])
    return held(len(drawn) > 1, f"retry {', '.join(sorted(drawn))} ms")


@point("contract")
def then_status(server: Server) -> Verdict:
    """Then `status` without id: state, since, reason, next_attempt_at."""
    with server.open() as stream:
        stream.read_until(lambda said: bool(said.events), server.interval)
        events = stream.said.events
    if not events or events[0].type != "status":
        return Verdict("fail", f"the first event is {events[0].type if events else 'missing'}")
    return held(*_status_problem(events[0]))


def _status_problem(event: Event) -> tuple[bool, str]:
    body = json.loads(event.data)
    if event.id is not None:
        return False, f"it has the id {event.id}"
    if set(body) != {"state", "since", "reason", "next_attempt_at"}:
        return False, f"its keys are {sorted(body)}"
    if body["state"] not in STATES:
        return False, f"its state is {body['state']!r}"
    times = [body[key] for key in ("since", "next_attempt_at") if body[key] is not None]
    return all(ISO.fullmatch(time) for time in times), f"{body['state']}, since {body['since']}"


@point("contract")
def snapshot_at_once(server: Server) -> Verdict:
    """A new reader gets the newest tick at once, and no `resume`."""
    with server.open() as stream:
        came = stream.read_until(lambda said: bool(said.of("prices")), 2)
        order = stream.said.order
    return held(came and order[:3] == ["retry", "status", "prices"], ", ".join(order[:4]))


@point("contract")
def ticks(server: Server) -> Verdict:
    """A tick's id is its time in ms: the event's id, the body's, and strictly rising."""
    with server.open() as stream:
        found = server.ticks(stream, 3)
    if len(found) < 2:
        return not_seen(f"{len(found)} ticks in {server.interval * 3:.0f} s")
    ids = [int(event.id or 0) for event in found]
    bodies = [json.loads(event.data) for event in found]
    ok = all(body["id"] == id for body, id in zip(bodies, ids, strict=True))
    rising = ids == sorted(set(ids))
    complete = all({"at", "currency", "source", "quotes"} <= set(body) for body in bodies)
    return held(ok and rising and complete, f"ids {ids}")


@point("contract")
def every_tick_is_the_whole_state(server: Server) -> Verdict:
    """Each tick has all coins, with every key; what is unknown is null."""
    keys = {
        "id", "rank", "symbol", "name", "image", "price", "direction", "change_1h", "change_24h",
        "change_7d", "market_cap", "volume_24h", "high_24h", "low_24h", "updated_at",
    }  # fmt: skip
    with server.open() as stream:
        found = server.ticks(stream, 1)
    if not found:
        return not_seen("no tick came")
    quotes = json.loads(found[0].data)["quotes"]
    wrong = [quote.get("id") for quote in quotes if set(quote) != keys]
    return held(
        bool(quotes) and not wrong, f"{len(quotes)} quotes" + (f", wrong: {wrong}" if wrong else "")
    )


@point("contract")
def resume_by_header(server: Server) -> Verdict:
    """After a Last-Event-ID every tick since comes, each once, in order, byte for byte."""
    return _resumes(server, lambda id: server.open(Last_Event_ID=id))


@point("contract")
def resume_by_query(server: Server) -> Verdict:
    """`?last_event_id=` does the same for those who cannot set headers."""
    return _resumes(server, lambda id: server.open(f"last_event_id={id}"))


@point("contract")
def resume_by_gzip(server: Server) -> Verdict:
    """A reader of gzip resumes as exactly as any other."""
    return _resumes(server, lambda id: server.open(Last_Event_ID=id, Accept_Encoding="gzip"))


def _resumes(server: Server, resume: Callable[[str], Stream]) -> Verdict:
    with server.open() as steady:
        before = server.ticks(steady, 3)
        if len(before) < 3:
            return not_seen(f"{len(before)} ticks in {server.interval * 3:.0f} s")
        with resume(before[0].id or "") as back:
            back.read_until(lambda said: len(said.of("prices")) >= 3, server.interval * 3)
            got = back.said
        last = got.of("prices")[-1].id if got.of("prices") else None
        steady.read_until(lambda said: said.of("prices")[-1].id == last, server.interval * 2)
        expected = [
            event for event in steady.said.of("prices")[1:] if int(event.id or 0) <= int(last or 0)
        ]
    return held(*_resume_problem(before[0].id or "", got, expected))


def _resume_problem(last: str, got: Transcript, expected: list[Event]) -> tuple[bool, str]:
    if got.order[:3] != ["retry", "status", "resume"]:
        return False, f"it began with {got.order[:4]}"
    told = json.loads(got.of("resume")[0].data)
    if told.get("last_event_id") != last or told.get("recovered") is not True:
        return False, f"it was told {told}"
    if [(e.id, e.data) for e in got.of("prices")] != [(e.id, e.data) for e in expected]:
        return False, f"got {[e.id for e in got.of('prices')]}, not {[e.id for e in expected]}"
    return told["replayed"] <= len(
        expected
    ), f"{told['replayed']} replayed, equal to a steady reader's"


@point("contract")
def resume_with_the_newest(server: Server) -> Verdict:
    """Who has missed nothing gets nothing twice."""
    with server.open() as stream:
        found = server.ticks(stream, 1)
    if not found:
        return not_seen("no tick came")
    with server.open(Last_Event_ID=found[-1].id or "") as back:
        back.read_until(lambda said: bool(said.of("prices")), min(2.0, server.interval))
        told = [json.loads(event.data) for event in back.said.of("resume")]
        twice = [event.id for event in back.said.of("prices") if event.id == found[-1].id]
    ok = bool(told) and told[0]["recovered"] is True and not twice
    return held(ok, f"told {told}, twice: {twice}")


@point("contract")
def a_gap_is_told(server: Server) -> Verdict:
    """Who was away for too long is told so, and gets the newest tick."""
    with server.open(Last_Event_ID="1") as stream:
        stream.read_until(lambda said: bool(said.of("prices")), server.interval)
        told = [json.loads(event.data) for event in stream.said.of("resume")]
        newest = stream.said.of("prices")
    if not told:
        return Verdict("fail", "no resume event")
    if told[0]["recovered"] is True:
        return not_seen("the server still has its very first tick")
    return held(bool(newest), f"told {told[0]}, then {newest[0].id if newest else 'nothing'}")


@point("contract")
def heartbeat(server: Server) -> Verdict:
    """In silence a comment comes."""
    with server.open() as stream:
        server.ticks(stream, 1)
        came = stream.read_until(lambda said: bool(said.comments), server.heartbeat * 1.5 + 2)
        ticks = len(stream.said.of("prices"))
    if not came and ticks > 2:
        return not_seen(f"{ticks} ticks left no silence of {server.heartbeat:.0f} s")
    return held(came, f"{len(stream.said.comments)} in {server.heartbeat * 1.5 + 2:.0f} s")


@point("contract")
def some_coins(server: Server) -> Verdict:
    """`?coins=` gives just these; an unknown one is a 400 problem that says what is accepted."""
    with server.open() as stream:
        found = server.ticks(stream, 1)
    if not found:
        return not_seen("no tick came")
    coin = json.loads(found[0].data)["quotes"][0]["id"]
    with server.open(f"coins={coin}") as stream:
        some = server.ticks(stream, 1)
    ids = {quote["id"] for event in some for quote in json.loads(event.data)["quotes"]}
    with server.open("coins=no-such-coin-anywhere") as stream:
        refused, kind = stream.response.status, stream.header("Content-Type")
    ok = ids == {coin} and refused == 400 and kind.startswith("application/problem+json")
    return held(ok, f"{coin}: {sorted(ids)}; unknown: {refused} {kind}")
