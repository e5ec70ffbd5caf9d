"""The points that a server is checked against, and what becomes of each.

Those of the standard hold for any stream of events, those of the contract for a server
that speaks as this product does. A server's misbehaviour is a `Verdict`, never an exception.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from tests.conformance.wire import Event, Stream, Transcript

FRIENDLY_ID = re.compile(r'[^:"{\[@<\0\r\n]{1,128}')
"""Ids that browsers send back across origins without asking first (the Fetch standard)."""
STATES = ("live", "stale", "offline", "starting")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

Source = Literal["standard", "contract"]


class Verdict(NamedTuple):
    """What became of a point, and what was seen."""

    outcome: Literal["pass", "fail", "not seen"]
    seen: str


def held(holds: bool, seen: object) -> Verdict:
    """Return pass or fail with what was *seen*."""
    return Verdict("pass" if holds else "fail", str(seen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the stream is, and how patient to be; all times in seconds."""

    url: str
    interval: float
    """Within which a further tick comes."""
    heartbeat: float
    """Silence after which a comment is due."""
    origin: str | None
    """An origin that may read the stream."""

    def open(self, query: str = "", *, method: str = "GET", **headers: str) -> Stream:
        """Ask for the stream, with *query* added to its address."""
        parts = urlsplit(self.url)
        url = parts._replace(query="&".join(filter(None, [parts.query, query]))).geturl()
        return Stream(url, method=method, timeout=self.interval + 5, **headers)

    def ticks(self, stream: Stream, count: int) -> list[Event]:
        """Read until *count* `prices` have come; raises `NotSeenError` when not all do."""
        stream.read_until(lambda said: len(said.of("prices")) >= count, self.interval * count)
        found = stream.said.of("prices")
        if len(found) < count:
            raise NotSeenError(f"{len(found)} ticks in {self.interval * count:.0f} s")
        return found


class NotSeenError(Exception):
    """The server gave no occasion to look at the point."""


Check = Callable[[Server], Verdict]


class Point(NamedTuple):
    """One thing that a server has to do."""

    name: str
    source: Source
    sentence: str
    check: Check

    def examine(self, server: Server) -> Verdict:
        """Return the verdict on *server*; one that breaks off or talks nonsense fails."""
        try:
            return self.check(server)
        except NotSeenError as error:
            return Verdict("not seen", str(error))
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            return Verdict("fail", f"{type(error).__name__}: {error}")


POINTS: list[Point] = []


def of(source: Source) -> Callable[[Check], Check]:
    """Return a decorator: a check's name is the point's, its docstring the sentence."""

    def add(check: Check) -> Check:
        name = check.__name__.replace("_", " ")
        POINTS.append(Point(name, source, check.__doc__ or "", check))
        return check

    return add


@of("standard")
def status(server: Server) -> Verdict:
    """The answer's status is 200: at any other a browser gives up for ever, 204 included."""
    with server.open() as stream:
        return held(stream.response.status == 200, f"status {stream.response.status}")


@of("standard")
def content_type(server: Server) -> Verdict:
    """The type is text/event-stream; a charset, if any, is UTF-8."""
    with server.open() as stream:
        found = stream.header("Content-Type")
    return held(bool(re.fullmatch(r"text/event-stream(;\s*charset=utf-8)?", found)), found)


@of("standard")
def grammar(server: Server) -> Verdict:
    """Lines are UTF-8 with fields that readers know; no event comes without data."""
    with server.open() as stream:
        stream.read_until(lambda said: len(said.events) >= 2, server.interval)
        said = stream.said
    return held(bool(said.order) and not said.faults, said.faults or f"{len(said.order)} blocks")


@of("standard")
def ids_travel(server: Server) -> Verdict:
    """Ids have at most 128 characters, none of which makes browsers preflight across origins."""
    with server.open() as stream:
        stream.read_until(lambda said: any(e.id for e in said.events), server.interval)
        ids = [event.id for event in stream.said.events if event.id]
    if not ids:
        raise NotSeenError("no event had an id")
    return held(all(map(FRIENDLY_ID.fullmatch, ids)), ids[-1])


@of("standard")
def head(server: Server) -> Verdict:
    """HEAD has the headers of GET, no body, and an end."""
    with server.open(method="HEAD") as stream:
        stream.read_until(lambda _: False, 2)
        ok = stream.response.status == 200 and stream.ended and not stream.said.order
        found = stream.header("Content-Type")
    return held(ok and found.startswith("text/event-stream"), found)


@of("standard")
def not_for_caches(server: Server) -> Verdict:
    """Neither a cache may keep it nor a proxy change or hold it back."""
    with server.open() as stream:
        cache, buffering = stream.header("Cache-Control"), stream.header("X-Accel-Buffering")
    ok = ("no-store" in cache or "no-cache" in cache) and "no-transform" in cache
    return held(ok and buffering == "no", f"{cache!r}, X-Accel-Buffering {buffering!r}")


@of("standard")
def other_methods(server: Server) -> Verdict:
    """A stream is read: POST is refused with 405."""
    with server.open(method="POST", Content_Length="0") as stream:
        return held(stream.response.status == 405, f"status {stream.response.status}")


@of("standard")
def gzip_is_not_held_back(server: Server) -> Verdict:
    """With gzip each event can be read when it is sent, and caches are told by Vary."""
    with server.open(Accept_Encoding="gzip") as stream:
        if stream.header("Content-Encoding") != "gzip":
            raise NotSeenError("the server does not compress")
        came = stream.read_until(lambda said: bool(said.events), server.interval)
        vary = stream.header("Vary")
    return held(came and "accept-encoding" in vary, f"readable: {came}, Vary {vary!r}")


@of("standard")
def gzip_is_asked_for(server: Server) -> Verdict:
    """Who does not accept gzip gets none."""
    with server.open(Accept_Encoding="identity") as stream:
        found = stream.header("Content-Encoding")
    return held(found in ("", "identity"), found or "identity")


@of("standard")
def cors(server: Server) -> Verdict:
    """An origin that may read is told so, and any other is not."""
    allowed = []
    for origin in ("https://stranger.invalid", server.origin):
        with server.open(**({"Origin": origin} if origin else {})) as stream:
            allowed.append(stream.header("Access-Control-Allow-Origin"))
    stranger, friend = allowed
    ok = stranger in ("", "*") and friend in ("*", (server.origin or "").lower())
    return held(ok, f"{server.origin} gets {friend!r}, a stranger {stranger!r}")


@of("standard")
def cors_preflight(server: Server) -> Verdict:
    """OPTIONS lets an origin that may read send Last-Event-ID."""
    if server.origin is None:
        raise NotSeenError("no --origin was given")
    asked = {
        "Origin": server.origin,
        "Access_Control_Request_Method": "GET",
        "Access_Control_Request_Headers": "last-event-id",
    }
    with server.open(method="OPTIONS", **asked) as stream:
        allowed = stream.header("Access-Control-Allow-Headers")
        ok = stream.response.status in (200, 204) and ("last-event-id" in allowed or allowed == "*")
    return held(ok, f"status {stream.response.status}, {allowed!r}")


@of("standard")
def strange_last_event_ids(server: Server) -> Verdict:
    """Any Last-Event-ID is survived: too long, not a number, not ours, from the future."""
    strange = ("x" * 4000, "-1", "1e9", "0", "9" * 30, "%00", "\xb9\xb2\xb3", "<script>", " ")
    answers = {}
    for last in strange:
        with server.open(Last_Event_ID=last) as stream:
            answers[last[:12]] = stream.response.status
    return held(set(answers.values()) <= {200, 400}, answers)


@of("contract")
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


@of("contract")
def then_status(server: Server) -> Verdict:
    """Then `status` without id: state, since, reason, next_attempt_at, sources."""
    with server.open() as stream:
        stream.read_until(lambda said: bool(said.events), server.interval)
    first = stream.said.events[0]
    body = json.loads(first.data)
    times = [body[key] for key in ("since", "next_attempt_at") if body[key] is not None]
    ok = (
        (first.type, first.id) == ("status", None)
        and {"state", "since", "reason", "next_attempt_at", "sources"} <= set(body)
        and body["state"] in STATES
        and all(map(ISO.fullmatch, times))
    )
    return held(ok, f"{first.type} with the id {first.id}: {body}")


@of("contract")
def snapshot_at_once(server: Server) -> Verdict:
    """A new reader gets the newest tick at once, and no `resume`."""
    with server.open() as stream:
        stream.read_until(lambda said: bool(said.of("prices")), 2)
        order = stream.said.order
    return held(order[:3] == ["retry", "status", "prices"], ", ".join(order[:4]))


@of("contract")
def ticks(server: Server) -> Verdict:
    """A tick's id is its time in ms: the event's id, the body's, and strictly rising."""
    with server.open() as stream:
        found = server.ticks(stream, 3)
    ids = [int(event.id or 0) for event in found]
    bodies = [json.loads(event.data) for event in found]
    complete = all({"at", "currency", "source", "quotes"} <= set(body) for body in bodies)
    same = ids == [body["id"] for body in bodies]
    return held(same and ids == sorted(set(ids)) and complete, f"ids {ids}")


@of("contract")
def every_tick_is_the_whole_state(server: Server) -> Verdict:
    """Each tick has all coins, with every key; what is unknown is null."""
    keys = {
        "id", "rank", "symbol", "name", "image", "price", "direction", "change_1h", "change_24h",
        "change_7d", "market_cap", "volume_24h", "high_24h", "low_24h", "updated_at", "venues",
    }  # fmt: skip
    with server.open() as stream:
        quotes = json.loads(server.ticks(stream, 1)[0].data)["quotes"]
    wrong = [quote.get("id") for quote in quotes if not keys <= set(quote)]
    return held(bool(quotes) and not wrong, f"{len(quotes)} quotes, wrong: {wrong}")


@of("contract")
def resume_by_header(server: Server) -> Verdict:
    """After a Last-Event-ID every tick since comes, each once, in order, byte for byte."""
    return _resumes(server, lambda id: server.open(Last_Event_ID=id))


@of("contract")
def resume_by_query(server: Server) -> Verdict:
    """`?last_event_id=` does the same for those who cannot set headers."""
    return _resumes(server, lambda id: server.open(f"last_event_id={id}"))


@of("contract")
def resume_by_gzip(server: Server) -> Verdict:
    """A reader of gzip resumes as exactly as any other."""
    return _resumes(server, lambda id: server.open(Last_Event_ID=id, Accept_Encoding="gzip"))


def _resumes(server: Server, resume: Callable[[str], Stream]) -> Verdict:
    """Compare what comes after an id with what a steady reader got since."""
    with server.open() as steady:
        first = server.ticks(steady, 3)[0].id or ""
        with resume(first) as back:
            got = server.ticks(back, 2)
        steady.read_until(lambda said: said.of("prices")[-1].id == got[-1].id, server.interval * 2)
        since = {event.id: event.data for event in steady.said.of("prices")[1:]}
    expected = [id for id in since if int(id or 0) <= int(got[-1].id or 0)]
    verdict = _verdict_in(back.said)
    ok = (
        back.said.order[:3] == ["retry", "status", "resume"]
        and (verdict["last_event_id"], verdict["recovered"]) == (first, True)
        and verdict["replayed"] <= len(expected)
        and [event.id for event in got] == expected
        and all(event.data == since[event.id] for event in got)
    )
    return held(ok, f"{back.said.order[:4]}, {verdict}: {[e.id for e in got]} for {expected}")


def _verdict_in(said: Transcript) -> dict[str, Any]:
    """Return the body of `resume`. Raises `IndexError` if none came."""
    return dict(json.loads(said.of("resume")[0].data))


@of("contract")
def resume_with_the_newest(server: Server) -> Verdict:
    """Who has missed nothing gets nothing twice."""
    with server.open() as stream:
        newest = server.ticks(stream, 1)[-1].id
    with server.open(Last_Event_ID=newest or "") as back:
        back.read_until(lambda said: bool(said.of("prices")), min(2.0, server.interval))
    verdict, ids = _verdict_in(back.said), [event.id for event in back.said.of("prices")]
    return held(verdict["recovered"] is True and newest not in ids, f"{verdict}, then {ids}")


@of("contract")
def a_gap_is_told(server: Server) -> Verdict:
    """Who was away for too long is told so, and gets the newest tick."""
    with server.open(Last_Event_ID="1") as stream:
        stream.read_until(lambda said: bool(said.of("prices")), server.interval)
    verdict = _verdict_in(stream.said)
    if verdict["recovered"] is True:
        raise NotSeenError("the server still has its very first tick")
    return held(bool(stream.said.of("prices")), verdict)


@of("contract")
def heartbeat(server: Server) -> Verdict:
    """In silence the status comes again."""
    limit = server.heartbeat * 1.5 + 2
    with server.open() as stream:
        stream.read_until(lambda said: bool(said.of("prices")), server.interval)
        told = len(stream.said.of("status"))
        came = stream.read_until(lambda said: len(said.of("status")) > told, limit)
    ticks = len(stream.said.of("prices"))
    if not came and ticks > 2:
        raise NotSeenError(f"{ticks} ticks left no silence of {server.heartbeat:.0f} s")
    return held(came, f"within {limit:.0f} s")


@of("contract")
def some_coins(server: Server) -> Verdict:
    """`?coins=` gives just these; an unknown one is a 400 problem that says what is accepted."""
    with server.open() as stream:
        coin = json.loads(server.ticks(stream, 1)[0].data)["quotes"][0]["id"]
    with server.open(f"coins={coin}") as stream:
        some = server.ticks(stream, 1)
    ids = {quote["id"] for event in some for quote in json.loads(event.data)["quotes"]}
    with server.open("coins=no-such-coin-anywhere") as stream:
        refused, kind = stream.response.status, stream.header("Content-Type")
    ok = ids == {coin} and refused == 400 and kind.startswith("application/problem+json")
    return held(ok, f"{coin}: {sorted(ids)}; unknown: {refused} {kind}")
