"""The hub writes to everybody, waits for nobody, and loses nothing within the buffer."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.stream_clients import SMALLEST_BUFFER, Reader
from tests.support.tools import wait_for
from tracker.stream import admission as admission_module
from tracker.stream import hub as hub_module
from tracker.stream.admission import NotAdmittedError
from tracker.stream.frames import HEARTBEAT, ControlFrame, Frame, LastEventId, Variant, encode
from tracker.stream.hub import Hub
from tracker.stream.screen import CLEAR, GOODBYE, NOTHING, Screen, paint


class Room(Hub):
    """A hub with readers that hang up when it is closed."""

    def __init__(self, **options: float) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.readers = ExitStack()

    def reader(
        self,
        *,
        topics: tuple[str, ...] = (),
        gzip: bool = False,
        buffer: int | None = None,
        since: str | None = None,
        client: str = "",
        screen: tuple[str, ...] | None = None,
    ) -> Reader:
        """Return a new reader, whose last event id is *since*; with *screen* a terminal."""
        last = None if since is None else LastEventId.parse(since)
        ticket = self.admit(client, Variant(topics, gzip, screen), last)
        reader = self.readers.enter_context(closing(Reader(gzip=gzip, buffer=buffer)))
        ticket.join(reader.ours)
        return reader

    def close(self) -> None:
        super().close()
        self.readers.close()


MakeHub = Callable[..., Room]


@pytest.fixture
def make_hub() -> Iterator[MakeHub]:
    """Make hubs that are closed at the end; they run their threads unless told not to."""
    with ExitStack() as stack:

        def make(*, started: bool = True, **options: float) -> Room:
            hub = stack.enter_context(closing(Room(**options)))
            if started:
                hub.start()
            return hub

        yield make


@pytest.fixture
def hub(make_hub: MakeHub) -> Room:
    return make_hub(retry=2)


def message(id: int, size: int = 100, text: str = "") -> Frame:
    """Return a frame of its topics, *text*, and *size* bytes more."""
    rest = text + "x" * size
    return Frame(
        id, lambda topics: encode((",".join(topics) or "all") + rest, event="message", id=id)
    )


def noise(size: int, seed: int) -> str:
    """Return what gzip makes little smaller."""
    return random.Random(seed).randbytes(size).hex()


def status(text: str) -> ControlFrame:
    return ControlFrame(encode(text, event="status"))


def screen(text: str) -> Screen:
    """Return a screen with its topics, how it is wanted, and *text*."""
    return Screen(lambda topics, look: "".join(map(str, (*topics, *look, text))))


def test_a_newcomer_gets_retry_then_the_newest_status_then_the_newest_frame(hub: Room) -> None:
    """Others get each status, unless it is no news."""
    early = hub.reader()
    hub.retain(status("starting"))
    hub.retain(status("live"))
    hub.retain(status("live since"), send=False)
    for id in (1, 2):
        hub.broadcast(message(id))
    assert early.read_all().statuses == ["starting", "live"]
    reader = hub.reader().read_all()
    assert reader.raw.startswith(b"retry: ")
    assert [event.event for event in reader.events] == ["status", "message"]
    assert (reader.statuses, reader.ids) == (["live since"], [2])


def test_reconnect_delays_differ_and_lie_around_the_setting(hub: Room) -> None:
    hub.retain(status("live"))
    delays = [hub.reader().read_all().events[0].retry or 0 for _ in range(20)]
    assert len(set(delays)) > 10
    assert 1000 <= min(delays) < max(delays) <= 3000


@pytest.mark.parametrize("gzip", [False, True])
def test_who_returns_gets_all_since_each_once(hub: Room, gzip: bool) -> None:
    for id in range(10, 20):
        hub.broadcast(message(id))
    for since, missed in ((15, [16, 17, 18, 19]), (19, [])):
        reader = hub.reader(since=str(since), gzip=gzip)
        assert reader.read_all().ids == missed
        verdict = {"last_event_id": str(since), "recovered": True, "replayed": len(missed)}
        assert reader.verdicts == [verdict]
    hub.broadcast(message(20))
    assert reader.read_all().ids == [20]


def test_an_id_that_is_unknown_malformed_or_too_old_gets_the_newest_and_the_truth(
    make_hub: MakeHub,
) -> None:
    hub = make_hub(replay=5)
    for number in range(1, 20):
        hub.broadcast(message(number))
    for id in ("3", "999", "-1", "abc", "1 5", "١٥", "15\n", "1" * 100, "1.5"):
        reader = hub.reader(since=id).read_all()
        assert reader.ids == [19]
        assert reader.verdicts == [{"last_event_id": id, "recovered": False, "replayed": 0}]


def test_joining_during_a_fast_feed_leaves_no_gap_and_makes_no_double(make_hub: MakeHub) -> None:
    """Hundreds of joins and resumes, from another thread than the feed's."""
    hub = make_hub(replay=1_000_000)
    hub.broadcast(message(1, size=0))
    newest, chance, done = 1, random.Random(7), threading.Event()

    def feed() -> None:
        nonlocal newest
        while not done.wait(0.0003):
            hub.broadcast(message(newest + 1, size=0))
            newest += 1

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for _ in range(500):
            since = max(1, newest - chance.randrange(50)) if chance.random() < 0.7 else None
            with closing(hub.reader(since=None if since is None else str(since))) as reader:
                wait_for(lambda reader=reader: len(reader.read_all().ids) >= 2)  # type: ignore[misc]
                first = reader.ids[0] if since is None else since + 1
                assert reader.ids == list(range(first, first + len(reader.ids)))
    finally:
        done.set()
        feeder.join()


def test_a_slow_reader_loses_nothing_within_the_ring_and_nobody_waits_for_it(
    make_hub: MakeHub,
) -> None:
    hub = make_hub(replay=100)
    hub.retain(status("live"))
    slow, quick = hub.reader(buffer=SMALLEST_BUFFER), hub.reader()
    for id in range(1, 81):
        hub.broadcast(message(id, size=2000))
        quick.read()
    for text in ("stale", "offline", "live again"):
        hub.retain(status(text))
    assert quick.ids == list(range(1, 81))
    wait_for(lambda: slow.read_all().statuses == ["live", "live again"])
    assert slow.ids == list(range(1, 81))
    assert not slow.verdicts


@pytest.mark.parametrize("gzip", [False, True])
def test_what_is_sent_in_pieces_arrives_whole(make_hub: MakeHub, gzip: bool) -> None:
    """A socket takes as much of a frame as it has room for."""
    hub = make_hub(started=False)
    reader = hub.reader(gzip=gzip, buffer=SMALLEST_BUFFER).read_all()
    sent = [noise(50_000, seed) for seed in range(3)]
    for id, text in enumerate(sent):
        hub.broadcast(message(id, 0, text))
        assert hub.behind == 1
        assert id or 0 < reader.read(1000) <= 1000
    while hub.behind:
        reader.read(1000)
        hub.poll_sockets()
    assert [event.data for event in reader.read_all().events] == [f"all{text}" for text in sent]


@pytest.mark.parametrize("gzip", [False, True])
def test_a_reader_that_falls_out_of_the_ring_is_told_what_it_missed(
    make_hub: MakeHub, gzip: bool
) -> None:
    hub = make_hub(replay=10)
    reader = hub.reader(buffer=SMALLEST_BUFFER, gzip=gzip)
    for id in range(1, 201):
        hub.broadcast(message(id, 0, noise(1000, id)))
    wait_for(lambda: reader.read_all().ids[-1:] == [200])
    (verdict,) = reader.verdicts
    assert not verdict["recovered"]
    assert reader.ids == [*range(1, int(verdict["last_event_id"]) + 1), 200]


def test_a_reader_that_never_reads_is_let_go_and_no_other(make_hub: MakeHub) -> None:
    hub = make_hub(stall_limit=0.2)
    stalled, quick = hub.reader(buffer=SMALLEST_BUFFER), hub.reader()
    for id in range(1, 30):
        hub.broadcast(message(id, size=2000))
        quick.read()
    wait_for(lambda: len(hub) == 1)
    assert not quick.ended
    wait_for(lambda: stalled.read_all().ended)


def test_who_hangs_up_is_gone_without_a_write(hub: Room) -> None:
    reader, other = hub.reader(client="10.0.0.1"), hub.reader(client="10.0.0.2")
    reader.close()
    wait_for(lambda: len(hub) == 1)
    assert hub.admission.total == 1
    hub.broadcast(message(1))
    assert other.read_all().ids == [1]


@pytest.mark.parametrize("gzip", [False, True])
def test_who_sends_no_more_but_reads_is_served(hub: Room, gzip: bool) -> None:
    """As `nc -N` does after its request. It is looked after once, not again and again."""
    reader, terminal = hub.reader(gzip=gzip), hub.reader(gzip=gzip, screen=())
    for one in (reader, terminal):
        one.far.shutdown(socket.SHUT_WR)
    wait_for(lambda: reader.read_all().raw.endswith(HEARTBEAT))
    wait_for(lambda: terminal.read_all().raw.endswith(NOTHING))
    assert hub._poller.ready() == []
    hub.broadcast(message(1))
    assert reader.read_all().ids == [1]
    reader.close()
    terminal.close()
    wait_for(lambda: len(hub) == 0)


def test_silence_lasts_as_long_as_is_set(make_hub: MakeHub) -> None:
    hub = make_hub(started=False, heartbeat=0.3)
    readers = [hub.reader(), hub.reader(gzip=True)]
    ends_at = time.monotonic() + 0.3
    wait_for(lambda: time.monotonic() >= ends_at)
    hub.sweep()
    assert all(reader.read_all().raw.endswith(b"\n:\n") for reader in readers)


def test_where_there_is_a_state_it_is_the_heartbeat(make_hub: MakeHub) -> None:
    """An event, so that a script in a browser sees that the connection lives."""
    hub = make_hub(started=False, heartbeat=0)
    hub.retain(ControlFrame(encode("calm", event="state")))
    readers = [hub.reader(), hub.reader(gzip=True)]
    said = [reader.read_all().raw.count(b"data: calm") for reader in readers]
    hub.sweep()
    assert [reader.read_all().raw.count(b"data: calm") for reader in readers] == [2, 2]
    assert said == [1, 1]


@pytest.mark.parametrize("gzip", [False, True])
def test_after_a_gap_everybody_is_told_and_older_ids_are_no_longer_known(
    hub: Room, gzip: bool
) -> None:
    hub.broadcast(message(1))
    reader = hub.reader(gzip=gzip)
    hub.broadcast(message(9), after_gap=True)
    assert reader.read_all().ids == [1, 9]
    verdict = {"last_event_id": "1", "recovered": False, "replayed": 0}
    assert reader.verdicts == hub.reader(since="1").read_all().verdicts == [verdict]


def test_a_drain_lets_all_go_in_time_each_with_its_own_delay_and_frames_until_then(
    hub: Room,
) -> None:
    readers = [hub.reader(gzip=bool(n % 2)) for n in range(20)]
    drain = threading.Thread(target=hub.drain, args=(0.5,))
    drain.start()
    wait_for(lambda: len(hub) < 20)
    hub.broadcast(message(1))
    drain.join()
    assert len(hub) == 0
    assert all(reader.read_all().ended for reader in readers)
    assert any(reader.ids == [1] for reader in readers)
    assert len({reader.raw.splitlines()[-1] for reader in readers}) > 10


def test_the_number_of_topics_is_bounded(hub: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "MAX_CHOICES", 2)
    monkeypatch.setattr(admission_module, "MOST_OF_A_CLIENT", 1)
    first = hub.reader(topics=("a",))
    for topics, gzip in ((("b",), True), (("a",), True), ((), False)):
        hub.reader(topics=topics, gzip=gzip)
    with pytest.raises(NotAdmittedError, match="too many different choices"):
        hub.reader(topics=("c",))
    assert hub.admission.refused == {"choices": 1}
    first.close()
    wait_for(lambda: len(hub) == 3)
    with pytest.raises(NotAdmittedError):
        hub.reader(topics=("c",))


@pytest.mark.parametrize(("screen", "most"), [(None, 256), (("wide",), 64)])
def test_one_address_takes_no_more_than_its_share_of_the_choices(
    hub: Room, screen: tuple[str, ...] | None, most: int
) -> None:
    def choose(client: str, n: int, *, gzip: bool = False) -> Reader:
        return hub.reader(client=client, topics=(f"{client} {n}",), screen=screen, gzip=gzip)

    for client in "abcdefg":
        readers = [choose(client, n) for n in range(most // 8)]
        with pytest.raises(NotAdmittedError, match=f"your address {client} reads too many"):
            choose(client, most)
        choose(client, 0, gzip=True)
        hub.reader(client=client, screen=None if screen is None else ())
    choose("somebody else", 1)
    readers[0].close()
    readers[1].close()
    wait_for(lambda: sum(hub.admission._choices["g"].values()) == most // 8 - 1)
    choose("g", most)
    with pytest.raises(NotAdmittedError):
        choose("g", most + 1)


def test_a_place_is_taken_once_and_free_when_its_reader_has_gone(make_hub: MakeHub) -> None:
    hub = make_hub(limit=2, per_client=1)
    unused, reader = hub.admit("a"), hub.reader(client="b")
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
    ticket, dead = hub.admit("b"), Reader()
    dead.close()
    ticket.join(dead.ours)
    wait_for(lambda: len(hub) == hub.admission.total == 0)
    ticket.cancel()
    assert hub.admission.total == 0


def test_readers_of_many_topics_leave_no_memory(make_hub: MakeHub) -> None:
    """Whether they read what was replayed or what came, all that was made for them goes."""
    hub = make_hub(replay=200)
    frames = [message(id) for id in range(1, 51)]
    for frame in frames:
        hub.broadcast(frame)
    for n in range(50):
        hub.reader(topics=(f"topic {n}",), since="1", client=str(n)).close()
    wait_for(lambda: len(hub) == 0)
    hub.broadcast(message(1000))
    assert sum(len(frame._made) for frame in frames) <= len(frames)


def test_an_id_that_does_not_rise_is_refused(hub: Room) -> None:
    hub.broadcast(message(2))
    with pytest.raises(ValueError, match="does not come after"):
        hub.broadcast(message(2))


class TestScreens:
    @pytest.mark.parametrize("gzip", [False, True])
    def test_a_terminal_gets_the_newest_screen_at_once_then_each_and_no_event(
        self, hub: Room, gzip: bool
    ) -> None:
        hub.broadcast(message(1))
        first = hub.reader(screen=(), gzip=gzip)
        assert first.read_all().raw == CLEAR, "nothing was drawn yet"
        for text in ("a", "b"):
            hub.show(screen(text))
        second = hub.reader(topics=("t",), screen=("wide",), gzip=gzip)
        reader = hub.reader()
        hub.retain(status("stale"))
        hub.broadcast(message(2))
        hub.show(screen("c"))
        assert first.read_all().raw == CLEAR + paint("a") + paint("b") + paint("c")
        assert second.read_all().raw == CLEAR + paint("twideb") + paint("twidec")
        assert (reader.read_all().ids, reader.statuses) == ([1, 2], ["stale"])
        assert b"\x1b" not in reader.raw
        assert hub.stats.events == 5 + 2, "of screens, and of messages"

    @pytest.mark.parametrize("gzip", [False, True])
    def test_one_that_falls_behind_gets_what_it_began_whole_and_then_the_newest(
        self, make_hub: MakeHub, gzip: bool
    ) -> None:
        hub = make_hub(started=False)
        slow = hub.reader(screen=(), gzip=gzip, buffer=SMALLEST_BUFFER)
        quick = hub.reader(screen=())
        drawn = [noise(50_000, seed) for seed in range(4)]

        def show_and_read(*texts: str) -> bytes:
            for text in texts:
                hub.show(screen(text))
                quick.read_all()
            assert hub.behind == 1
            while hub.behind:
                slow.read(1000)
                hub.poll_sockets()
            return slow.read_all().raw

        assert show_and_read(drawn[0]) == CLEAR + paint(drawn[0]), "whole, and once"
        assert show_and_read(*drawn[1:]).endswith(paint(drawn[1]) + paint(drawn[3]))
        assert quick.raw == CLEAR + b"".join(map(paint, drawn))

    def test_in_silence_it_is_drawn_anew_and_for_newcomers_after_a_second(
        self, make_hub: MakeHub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub_module, "_SCREEN_AGE", 1e9)
        hub, ages = make_hub(started=False, heartbeat=0), iter("012345")
        hub.show(Screen(lambda topics, look: next(ages)))
        terminals = [hub.reader(screen=()) for _ in range(3)]
        hub.sweep()
        for terminal in (*terminals, hub.reader(screen=())):
            assert terminal.read_all().raw.endswith(paint("1"))
        monkeypatch.setattr(hub_module, "_SCREEN_AGE", 0)
        assert hub.reader(screen=()).read_all().raw == CLEAR + paint("2")
        assert terminals[0].read_all().raw.endswith(paint("1"))

    @pytest.mark.parametrize("gzip", [False, True])
    def test_in_a_drain_its_last_line_says_so(self, hub: Room, gzip: bool) -> None:
        hub.show(screen("a"))
        terminal = hub.reader(screen=(), gzip=gzip)
        hub.drain(0)
        assert terminal.read_all().raw == CLEAR + paint("a") + GOODBYE
        assert terminal.ended

    def test_their_number_is_bounded_and_that_of_the_usual_one_is_not(
        self, hub: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(admission_module, "MAX_SCREENS", 2)
        monkeypatch.setattr(admission_module, "MOST_OF_A_CLIENT", 1)
        for topics, look in (((), ("a",)), (("t",), ("a",)), ((), ("a",)), ((), ()), ((), ())):
            hub.reader(topics=topics, screen=look, gzip=len(hub) % 2 == 1)
        for topics, look in (((), ("b",)), (("t",), ()), (("u",), ("a",))):
            with pytest.raises(NotAdmittedError, match="leave all parameters out"):
                hub.reader(topics=topics, screen=look)
        hub.reader(topics=("t",))  # not as events
        assert hub.admission.refused == {"choices": 3}
