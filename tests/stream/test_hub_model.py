"""Whatever readers, the feed and the kernel do, in any order: each reader gets what it should.

Hypothesis drives a real hub over real socket pairs with the smallest buffers,
so that partial sends and stalls are the rule, against a reference that knows
only which frames there were.
"""

import socket

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.support.stream_clients import SMALLEST_BUFFER, Reader
from tracker.stream.frames import ControlFrame, Frame, LastEventId, Variant, encode
from tracker.stream.hub import Hub
from tracker.stream.screen import CLEAR, NOTHING, Screen, paint

RING = 8
SIZES = [1, 300, 3000, 20_000]
SCREENS_END = b"\x1b[?7h"
TOPICS = [(), (), ("a",), ("a", "b")]


class Ledger(Reader):
    """A reader that remembers what it may expect."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(gzip=variant.gzip, buffer=SMALLEST_BUFFER)
        self.variant = variant
        self.topics = variant.topics
        self.must_begin_with: int | None = None


def text_of(topics: tuple[str, ...], id: int) -> str:
    """Return what the frame *id* says through *topics*, from one byte to several buffers of it."""
    return (",".join(topics) or "all") + "x" * SIZES[id % len(SIZES)]


def screen_of(topics: tuple[str, ...], id: int) -> str:
    return f"#{id} {text_of(topics, id)}"


def check_screens(reader: Ledger, newest: int, *, to_the_end: bool = False) -> None:
    """Only whole screens, none older than the one before; *to_the_end* the *newest* is there."""
    drawn_on = reader.raw.removeprefix(CLEAR).replace(NOTHING, b"")
    *whole, rest = drawn_on.split(SCREENS_END)
    drawn = [int(one.partition(b"#")[2].split()[0]) for one in whole]
    assert drawn == sorted(drawn), "an old screen was drawn"
    for id, one in zip(drawn, whole, strict=True):
        assert one + SCREENS_END == paint(screen_of(reader.topics, id)), (
            "bytes were lost or doubled"
        )
    if to_the_end:
        assert not rest
        assert drawn[-1:] == ([newest] if newest else [])


def check_order(reader: Ledger, sent: list[int], gaps: set[int]) -> None:
    """Each id once, in order; a jump or a gap only after a verdict, and a verdict only then.

    *gaps* are the ids of frames that came after a gap: what was before is not replayed.
    """
    place = {id: n for n, id in enumerate(sent)}
    before: int | None = None
    verdict = None
    for event in reader.events:
        if event.event == "resume":
            verdict = event
        elif event.event == "message":
            assert event.data == text_of(reader.topics, int(event.id)), "bytes were lost or doubled"
            at = place[int(event.id)]
            if before is None:
                assert reader.must_begin_with in (None, int(event.id))
            elif verdict is None:
                assert at == before + 1, "a frame was lost or came twice, and nothing was said"
                assert sent[at] not in gaps, "nothing was said of the gap"
            else:
                over_a_gap = not gaps.isdisjoint(sent[before + 1 : at + 1])
                assert over_a_gap or at - before > RING, "what was in the buffer was not sent"
                assert at > before
                assert f'"{sent[before]}"' in verdict.data
            before, verdict = at, None


class HubModel(RuleBasedStateMachine):
    """Joins, resumes, stalls, partial sends, hang-ups, broadcasts, gaps, screens in any order."""

    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(replay=RING, heartbeat=0, stall_limit=1e9)
        self.sent: list[int] = []
        self.gaps: set[int] = set()
        self.inside: set[Ledger] = set()
        self.statuses = 0
        self.screens = 0
        self.last_sent = 0

    @rule(
        target=readers, gzip=st.booleans(), topics=st.sampled_from(TOPICS), back=st.integers(-1, 12)
    )
    def join(self, gzip: bool, topics: tuple[str, ...], back: int) -> Ledger:
        """Join anew (*back* -1), or with the id of *back* frames ago, which may be unknown."""
        reader = Ledger(Variant(topics, gzip))
        since = self.sent[-1 - back] if 0 <= back < len(self.sent) else None
        if self.sent:
            unbroken = self.gaps.isdisjoint(self.sent[len(self.sent) - back :] if back > 0 else [])
            known = since is not None and back <= RING and unbroken
            reader.must_begin_with = self.sent[-1] if not known or not back else self.sent[-back]
            if known and not back:
                reader.must_begin_with = None
        last = None if back < 0 else LastEventId.parse(str(since or "unknown"))
        self.hub.admit("", reader.variant, last).join(reader.ours)
        self.inside.add(reader)
        return reader

    @rule(target=readers, gzip=st.booleans(), topics=st.sampled_from(TOPICS))
    def watch(self, gzip: bool, topics: tuple[str, ...]) -> Ledger:
        """Join as a terminal."""
        reader = Ledger(Variant(topics, gzip, ()))
        self.hub.admit("", reader.variant).join(reader.ours)
        self.inside.add(reader)
        return reader

    @rule()
    def show(self) -> None:
        self.screens += 1
        id = self.screens
        self.hub.show(Screen(lambda topics, look: screen_of(topics, id)))

    @rule(step=st.integers(1, 4), after_gap=st.sampled_from([False] * 5 + [True]))
    def broadcast(self, step: int, after_gap: bool) -> None:
        id = self.sent[-1] + step if self.sent else 100
        if after_gap and self.sent:
            self.gaps.add(id)
        self.sent.append(id)
        self.hub.broadcast(
            Frame(id, lambda topics: encode(text_of(topics, id), event="message", id=id)),
            after_gap=after_gap,
        )

    @rule(send=st.booleans())
    def retain(self, send: bool) -> None:
        self.statuses += 1
        self.last_sent = self.statuses if send else self.last_sent
        frame = ControlFrame(encode(str(self.statuses), event="status"))
        self.hub.retain(frame, send=send)

    @rule(reader=readers, most=st.integers(1, 9000))
    def read_some(self, reader: Ledger, most: int) -> None:
        if reader in self.inside:
            reader.read(most)
            self.check(reader)

    @rule(heartbeat=st.booleans())
    def look(self, heartbeat: bool) -> None:
        """Look at the sockets, or send a heartbeat to those who keep up."""
        if heartbeat:
            self.hub.sweep()
        else:
            self.hub.poll_sockets()

    @rule(reader=consumes(readers))
    def hang_up(self, reader: Ledger) -> None:
        reader.close()
        self.inside.discard(reader)

    @rule(reader=readers)
    def stop_sending(self, reader: Ledger) -> None:
        """Close its sending half, as `nc -N` does: it reads on."""
        if reader in self.inside:
            reader.far.shutdown(socket.SHUT_WR)
            self.hub.poll_sockets()

    @invariant()
    def nobody_is_forgotten(self) -> None:
        assert len(self.hub) >= len(self.inside)
        assert self.hub.admission.total == len(self.hub)

    def check(self, reader: Ledger, *, to_the_end: bool = False) -> None:
        if not reader.variant.is_screen:
            check_order(reader, self.sent, self.gaps)
        else:
            check_screens(reader, self.screens, to_the_end=to_the_end)

    def teardown(self) -> None:
        """In the end everybody reads all there is: nobody may lack the newest."""
        try:
            for reader in self.inside:
                while reader.read() or self.hub.poll_sockets() or reader.read():  # type: ignore[func-returns-value]
                    pass
                self.check(reader, to_the_end=True)
                if reader.variant.is_screen:
                    continue
                told = [int(data) for data in reader.statuses]
                assert told == sorted(told), "a status came after a newer one"
                assert max(told, default=0) >= self.last_sent
                if reader.must_begin_with is not None:
                    assert reader.ids[-1] == self.sent[-1]
            self.hub.poll_sockets()
            assert len(self.hub) == len(self.inside)
        finally:
            for reader in self.inside:
                reader.close()
            self.hub.close()


TestHubModel = HubModel.TestCase
TestHubModel.settings = settings(max_examples=60, stateful_step_count=40)
