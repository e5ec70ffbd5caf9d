"""The hub writes to everybody, waits for nobody, and loses nothing within the buffer."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.stream_clients import SMALLEST_BUFFER, Reader
from tests.support.tools import wait_for
from tracker.stream import admission as admission_module
from tracker.stream.admission import NotAdmittedError
from tracker.stream.frames import ControlFrame, Frame, LastEventId, Variant, encode
from tracker.stream.hub import Hub

MakeHub = Callable[..., Hub]


def message(id: int, size: int = 100) -> Frame:
    return Frame(
        id, lambda topics: encode((",".join(topics) or "all") + "x" * size, event="message", id=id)
    )


def status(text: str) -> ControlFrame:
    return ControlFrame(encode(text, event="status"))


def statuses(reader: Reader) -> list[str]:
    return [event.data for event in reader.events if event.event == "status"]


@pytest.fixture
def make_hub() -> Iterator[MakeHub]:
    """Make hubs that are closed at the end; they run their threads unless told not to."""
    hubs = []

    def make(*, started: bool = True, **options: float) -> Hub:
        hub = Hub(**options)  # type: ignore[arg-type]
        hubs.append(hub)
        if started:
            hub.start()
        return hub

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture
def join() -> Iterator[Callable[..., Reader]]:
    """Let new readers join a hub; they hang up at the end."""
    readers = []

    def joined(
        hub: Hub,
        *,
        topics: tuple[str, ...] = (),
        gzip: bool = False,
        buffer: int | None = None,
        last_event_id: str | None = None,
        client: str = "",
    ) -> Reader:
        last = None if last_event_id is None else LastEventId.parse(last_event_id)
        ticket = hub.admit(client, Variant(topics, gzip), last)
        reader = Reader(gzip=gzip, buffer=buffer)
        readers.append(reader)
        ticket.join(reader.ours)
        return reader

    yield joined
    for reader in readers:
        reader.close()


Join = Callable[..., Reader]


def read_until(reader: Reader, condition: Callable[[], bool]) -> None:
    def read() -> bool:
        while reader.read():
            pass
        return condition()

    wait_for(read)


def test_a_newcomer_gets_retry_then_status_then_the_newest(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub(retry=2)
    hub.retain(status("live"))
    hub.broadcast(message(1))
    hub.broadcast(message(2))
    reader = join(hub)
    reader.read()
    assert reader.raw.startswith(b"retry: ")
    assert [event.event for event in reader.events] == ["status", "message"]
    assert reader.ids == [2]


def test_reconnect_delays_differ_and_lie_around_the_setting(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub(retry=2)
    hub.retain(status("live"))
    readers = [join(hub) for _ in range(20)]
    for reader in readers:
        reader.read()
    delays = [reader.events[0].retry or 0 for reader in readers]
    assert len(set(delays)) > 10
    assert 1000 <= min(delays) < max(delays) <= 3000


def test_each_frame_goes_to_everybody_in_order(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub()
    readers = [join(hub, gzip=gzip) for gzip in (False, True, False)]
    for id in range(1, 6):
        hub.broadcast(message(id))
    for reader in readers:
        read_until(reader, lambda reader=reader: reader.ids == [1, 2, 3, 4, 5])  # type: ignore[misc]


def test_a_variant_has_its_topics_alone(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub()
    both, plain = join(hub, topics=("a", "b"), gzip=True), join(hub)
    hub.broadcast(message(1, size=0))
    both.read(), plain.read()
    assert [reader.events[0].data for reader in (both, plain)] == ["a,b", "all"]


def test_a_status_is_told_to_all_and_only_the_newest_to_newcomers(
    make_hub: MakeHub, join: Join
) -> None:
    hub = make_hub()
    early = join(hub)
    for text in ("starting", "live"):
        hub.retain(status(text))
    late = join(hub)
    early.read(), late.read()
    assert statuses(early) == ["starting", "live"]
    assert statuses(late) == ["live"]


def test_a_quiet_status_is_for_newcomers_only(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub()
    early = join(hub)
    hub.retain(status("live"), send=False)
    late = join(hub)
    early.read(), late.read()
    assert (statuses(early), statuses(late)) == ([], ["live"])


@pytest.mark.parametrize("gzip", [False, True])
def test_who_returns_gets_all_since_each_once(make_hub: MakeHub, join: Join, gzip: bool) -> None:
    hub = make_hub()
    for id in range(10, 20):
        hub.broadcast(message(id))
    reader = join(hub, last_event_id="15", gzip=gzip)
    hub.broadcast(message(20))
    read_until(reader, lambda: reader.ids[-1:] == [20])
    assert reader.ids == [16, 17, 18, 19, 20]
    assert reader.verdicts == [{"last_event_id": "15", "recovered": True, "replayed": 4}]


def test_who_returns_with_the_newest_id_gets_nothing_twice(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub()
    hub.broadcast(message(1))
    reader = join(hub, last_event_id="1")
    hub.broadcast(message(2))
    read_until(reader, lambda: reader.ids == [2])
    assert reader.verdicts == [{"last_event_id": "1", "recovered": True, "replayed": 0}]


@pytest.mark.parametrize(
    "id", ["3", "999", "-1", "abc", "1 5", "١٥", "15\n", "1" * 100, "0", "1.5", "NaN"]
)
def test_an_id_that_is_unknown_malformed_or_too_old_gets_the_newest_and_the_truth(
    make_hub: MakeHub, join: Join, id: str
) -> None:
    hub = make_hub(replay=5)
    for number in range(1, 20):
        hub.broadcast(message(number))
    reader = join(hub, last_event_id=id)
    reader.read()
    assert reader.ids == [19]
    assert reader.verdicts == [{"last_event_id": id, "recovered": False, "replayed": 0}]


def test_joining_during_a_fast_feed_leaves_no_gap_and_makes_no_double(
    make_hub: MakeHub, join: Join
) -> None:
    """Thousands of joins and resumes, from other threads than the feed's."""
    hub = make_hub(replay=1_000_000)
    hub.broadcast(message(1, size=0))
    chance, done = random.Random(7), threading.Event()

    def feed() -> None:
        for id in itertools.count(2):
            if done.wait(0.0003):
                return
            hub.broadcast(message(id, size=0))

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for _ in range(3000):
            reader = Reader()
            newest = hub.newest_id or 1
            since = max(1, newest - chance.randrange(50)) if chance.random() < 0.7 else None
            last = None if since is None else LastEventId(str(since), since)
            hub.admit(last_event_id=last).join(reader.ours)
            while len(reader.ids) < 2:
                reader.wait()
            first = reader.ids[0] if since is None else since + 1
            assert reader.ids == list(range(first, first + len(reader.ids)))
            reader.close()
    finally:
        done.set()
        feeder.join()


def test_a_slow_reader_loses_nothing_within_the_ring_and_nobody_waits_for_it(
    make_hub: MakeHub, join: Join
) -> None:
    hub = make_hub(replay=100)
    slow, quick = join(hub, buffer=SMALLEST_BUFFER), join(hub)
    for id in range(1, 81):
        hub.broadcast(message(id, size=2000))
        quick.read()
    assert quick.ids == list(range(1, 81))
    read_until(slow, lambda: slow.ids[-1:] == [80])
    assert slow.ids == list(range(1, 81))
    assert not slow.verdicts


@pytest.mark.parametrize("gzip", [False, True])
def test_what_is_sent_in_pieces_arrives_whole(make_hub: MakeHub, join: Join, gzip: bool) -> None:
    """A socket takes as much of a frame as it has room for."""
    hub = make_hub(started=False)
    reader = join(hub, gzip=gzip, buffer=SMALLEST_BUFFER)
    reader.read()
    noise = random.Random(1)
    sent = [noise.randbytes(100_000).hex() for _ in range(3)]
    for id, text in enumerate(sent):
        hub.broadcast(Frame(id, lambda topics, id=id, text=text: encode(text, id=id)))  # type: ignore[misc]
        assert hub.behind == 1
        assert id or 0 < reader.read(1000) <= 1000
    while hub.behind:
        reader.read(1000)
        hub.poll_sockets()
    while reader.read():
        pass
    assert [event.data for event in reader.events] == sent


@pytest.mark.parametrize("gzip", [False, True])
def test_a_reader_that_falls_out_of_the_ring_is_told_what_it_missed(
    make_hub: MakeHub, join: Join, gzip: bool
) -> None:
    hub = make_hub(replay=10)
    reader = join(hub, buffer=SMALLEST_BUFFER, gzip=gzip)
    noise = random.Random(1)
    for id in range(1, 201):
        text = noise.randbytes(1000).hex()
        hub.broadcast(
            Frame(id, lambda topics, id=id, text=text: encode(text, event="message", id=id))  # type: ignore[misc]
        )
    read_until(reader, lambda: reader.ids[-1:] == [200])
    (verdict,) = reader.verdicts
    last = int(verdict["last_event_id"])
    assert not verdict["recovered"]
    assert reader.ids == [*range(1, last + 1), 200]


def test_a_slow_reader_gets_the_newest_status_when_it_is_back(
    make_hub: MakeHub, join: Join
) -> None:
    hub = make_hub()
    hub.retain(status("live"))
    slow = join(hub, buffer=SMALLEST_BUFFER)
    for id in range(1, 30):
        hub.broadcast(message(id, size=2000))
    for text in ("stale", "offline", "live again"):
        hub.retain(status(text))
    read_until(slow, lambda: len(statuses(slow)) > 1)
    assert statuses(slow) == ["live", "live again"]


def test_a_reader_that_never_reads_is_let_go_and_no_other(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub(stall_limit=0.2)
    stalled, quick = join(hub, buffer=SMALLEST_BUFFER), join(hub)
    for id in range(1, 30):
        hub.broadcast(message(id, size=2000))
        quick.read()
    wait_for(lambda: len(hub) == 1)
    assert not quick.ended
    read_until(stalled, lambda: stalled.ended)


def test_who_hangs_up_is_gone_without_a_write(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub()
    reader, other = join(hub, client="10.0.0.1"), join(hub, client="10.0.0.2")
    reader.close()
    wait_for(lambda: len(hub) == 1)
    assert hub.admission.total == 1
    hub.broadcast(message(1))
    read_until(other, lambda: other.ids == [1])


def test_silence_is_broken_by_a_comment(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub(heartbeat=0.1)
    plain, packed = join(hub), join(hub, gzip=True)
    for reader in (plain, packed):
        read_until(reader, lambda reader=reader: b":\n:\n" in reader.raw)  # type: ignore[misc]


def test_silence_lasts_as_long_as_is_set(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub(started=False, heartbeat=0.3)
    reader = join(hub)
    ends_at = time.monotonic() + 0.3
    wait_for(lambda: time.monotonic() >= ends_at)
    hub.sweep()
    reader.read()
    assert reader.raw.endswith(b"\n:\n")


def test_after_a_gap_everybody_is_told_and_older_ids_are_no_longer_known(
    make_hub: MakeHub, join: Join
) -> None:
    hub = make_hub()
    hub.broadcast(message(1))
    reader = join(hub)
    hub.broadcast(message(9), after_gap=True)
    read_until(reader, lambda: reader.ids == [1, 9])
    assert reader.verdicts == [{"last_event_id": "1", "recovered": False, "replayed": 0}]
    late = join(hub, last_event_id="1")
    late.read()
    assert not late.verdicts[0]["recovered"]


def test_a_drain_lets_all_go_in_time_each_with_its_own_delay(make_hub: MakeHub, join: Join) -> None:
    hub = make_hub()
    readers = [join(hub, gzip=bool(n % 2)) for n in range(20)]
    hub.drain(0.3)
    assert len(hub) == 0
    for reader in readers:
        read_until(reader, lambda reader=reader: reader.ended)  # type: ignore[misc]
    assert len({reader.raw.splitlines()[-1] for reader in readers}) > 10


def test_frames_go_on_to_those_whom_the_drain_has_not_reached(
    make_hub: MakeHub, join: Join
) -> None:
    hub = make_hub()
    readers = [join(hub) for _ in range(10)]
    drain = threading.Thread(target=hub.drain, args=(0.5,))
    drain.start()
    wait_for(lambda: len(hub) < 10)
    hub.broadcast(message(1))
    drain.join()
    for reader in readers:
        read_until(reader, lambda reader=reader: reader.ended)  # type: ignore[misc]
    assert any(reader.ids == [1] for reader in readers)


def test_the_number_of_topics_is_bounded(
    make_hub: MakeHub, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission_module, "MAX_CHOICES", 2)
    hub = make_hub()
    first = join(hub, topics=("a",))
    join(hub, topics=("b",), gzip=True), join(hub, topics=("a",), gzip=True), join(hub)
    with pytest.raises(NotAdmittedError, match="too many different choices"):
        join(hub, topics=("c",))
    assert hub.admission.refused == {"choices": 1}
    first.close()
    wait_for(lambda: len(hub) == 3)
    with pytest.raises(NotAdmittedError):
        join(hub, topics=("c",))


def test_a_place_is_taken_once_and_free_when_its_reader_has_gone(
    make_hub: MakeHub, join: Join
) -> None:
    hub = make_hub(limit=2, per_client=1)
    unused, reader = hub.admit("a"), join(hub, client="b")
    with pytest.raises(NotAdmittedError, match="this server has its 2 readers"):
        hub.admit("c")
    for _ in range(2):
        unused.cancel()
    assert hub.admission.total == 1
    with pytest.raises(NotAdmittedError, match="your address b has its 1 readers here"):
        hub.admit("b")
    reader.close()
    wait_for(lambda: hub.admission.total == 0)
    assert hub.admission.refused == {"full": 1, "address": 1}
    hub.admit("b")


def test_a_socket_that_died_before_it_joined_leaves(make_hub: MakeHub) -> None:
    hub = make_hub()
    reader = Reader()
    reader.close()
    ticket = hub.admit("somebody")
    ticket.join(reader.ours)
    wait_for(lambda: len(hub) == 0)
    ticket.cancel()
    assert hub.admission.total == 0


def test_readers_of_many_topics_leave_no_memory(make_hub: MakeHub) -> None:
    """Whether they read what was replayed or what came, all that was made for them goes."""
    hub = make_hub(replay=200)
    frames = [message(id, size=1000) for id in range(1, 151)]
    for frame in frames:
        hub.broadcast(frame)
    for n in range(200):
        reader = Reader()
        hub.admit("", Variant((f"topic {n}",)), LastEventId("1", 1)).join(reader.ours)
        hub.sweep()
        reader.close()
    wait_for(lambda: len(hub) == 0)
    hub.broadcast(message(1000))
    assert sum(len(frame._made) for frame in frames) <= len(frames)


def test_an_id_that_does_not_rise_is_refused(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.broadcast(message(2))
    with pytest.raises(ValueError, match="does not come after"):
        hub.broadcast(message(2))
