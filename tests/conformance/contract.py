"""The points of the contract: they hold for a server that speaks as this product does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.conformance.point import Point, Server, Verdict, adding_to, held, not_seen
from tests.conformance.wire import Event, Stream, Transcript

STATES = ("live", "stale", "offline", "starting")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

POINTS: list[Point] = []
point = adding_to(POINTS, "contract")


@point
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


@point
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


@point
def snapshot_at_once(server: Server) -> Verdict:
    """A new reader gets the newest tick at once, and no `resume`."""
    with server.open() as stream:
        came = stream.read_until(lambda said: bool(said.of("prices")), 2)
        order = stream.said.order
    return held(came and order[:3] == ["retry", "status", "prices"], ", ".join(order[:4]))


@point
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


@point
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


@point
def resume_by_header(server: Server) -> Verdict:
    """After a Last-Event-ID every tick since comes, each once, in order, byte for byte."""
    return _resumes(server, lambda id: server.open(Last_Event_ID=id))


@point
def resume_by_query(server: Server) -> Verdict:
    """`?last_event_id=` does the same for those who cannot set headers."""
    return _resumes(server, lambda id: server.open(f"last_event_id={id}"))


@point
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


@point
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


@point
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


@point
def heartbeat(server: Server) -> Verdict:
    """In silence a comment comes."""
    with server.open() as stream:
        server.ticks(stream, 1)
        came = stream.read_until(lambda said: bool(said.comments), server.heartbeat * 1.5 + 2)
        ticks = len(stream.said.of("prices"))
    if not came and ticks > 2:
        return not_seen(f"{ticks} ticks left no silence of {server.heartbeat:.0f} s")
    return held(came, f"{len(stream.said.comments)} in {server.heartbeat * 1.5 + 2:.0f} s")


@point
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
