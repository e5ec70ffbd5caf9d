"""The hub: writes each frame to every subscriber, and waits for none of them.

A broadcast is one non-blocking `send` of the same bytes to each reader that
keeps up. One that takes less reads on from the ring when the kernel says it has
room again; past the ring it gets a `resume` event with what it missed, and the
newest frame.

It is written as plain threads and a lock. Under gevent each thread is a
greenlet and nothing that holds the lock switches, so it is never waited for.
It does not know HTTP: `handover` brings it sockets whose response has begun.
"""

from __future__ import annotations

import _socket
import errno
import json
import logging
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from tracker.stream.critical_thread import vital_thread
from tracker.stream.frames import HEARTBEAT, Frame, Lens, Notice, encode, retry
from tracker.stream.poller import FAILED, HUNG_UP, Poller
from tracker.stream.replay_buffer import Ring
from tracker.stream.stats import Tally, Why
from tracker.stream.subscriber import Subscriber

MAX_PARTS = 256
"""Distinct parts looked at through lenses at one time: each costs a rendering per frame."""

_SWEEP = 1.0
"""Seconds between two looks for silence and for stalled readers."""
_FIRST_SEND = 32 * 1024
"""Bytes, about, that a newcomer is sent at once: it saves calls of the kernel."""
_DRAIN_STEP = 0.05
"""Seconds between two groups of readers let go by a drain."""

log = logging.getLogger(__name__)


class Hub:
    """All subscribers of one process. Times are in seconds.

        joins ─▶ behind ⇄ live ─▶ dropped

    Who is behind reads from the ring at its own pace, as the poller says; with
    all sent it is live, and gets each frame when it comes. One whose kernel
    takes less than a frame is behind again. Who hangs up or stalls is dropped.
    """

    def __init__(
        self,
        *,
        ring: int = 1000,
        heartbeat: float = 15,
        retry: float = 3,
        stall_limit: float = 40,
        on_leave: Callable[[str], None] = lambda client: None,
    ) -> None:
        self._ring = Ring(ring)
        self._heartbeat_after = heartbeat
        self._heartbeat = Notice(HEARTBEAT)
        self._retry = retry
        self._stall_limit = stall_limit
        self._on_leave = on_leave
        self._lock = threading.Lock()
        self._poller = Poller()
        self._by_fd: dict[int, Subscriber] = {}
        self._live: dict[Lens, set[Subscriber]] = {}
        self._behind: set[Subscriber] = set()
        self._parts: Counter[tuple[str, ...]] = Counter()
        self._pinned: Notice | None = None
        self._spoke_at = time.monotonic()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.draining = False
        """Whether readers are being let go, since the process ends."""
        self.tally = Tally()
        """What happened so far."""

    def __len__(self) -> int:
        """Return the number of subscribers."""
        return len(self._by_fd)

    @property
    def newest_id(self) -> int | None:
        """The id of the newest frame."""
        return self._ring.newest.id if self._ring.newest else None

    @property
    def behind(self) -> int:
        """How many subscribers have not been sent all there is."""
        return len(self._behind)

    @property
    def runs(self) -> bool:
        """Whether it watches sockets and clock."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def takes(self, part: tuple[str, ...]) -> bool:
        """Return whether one more reader may look at *part*."""
        return not part or part in self._parts or len(self._parts) < MAX_PARTS

    def start(self) -> None:
        """Begin to watch for hang-ups, room to write, silence and stalls."""
        self._threads = [
            vital_thread(self._watch_sockets, "hub: sockets"),
            vital_thread(self._watch_clock, "hub: clock"),
        ]

    def broadcast(self, frame: Frame, *, after_gap: bool = False) -> None:
        """Send *frame* to all, and keep it for those behind.

        With *after_gap* there were frames before it that cannot be had: readers
        are told so first, and the older ones are no longer replayed.
        Raises `ValueError` if the frame's id does not rise.
        """
        with self._lock:
            superseded = self._append(frame, after_gap=after_gap)
            if after_gap and superseded is not None:
                self._send_to_live(_Told(_verdict(str(superseded.id), recovered=False), frame))
            else:
                self._send_to_live(frame)

    def keep(self, frames: Iterable[Frame]) -> None:
        """Keep *frames* for those who return, and send them to nobody: they are history.

        They are oldest first, and all there is: none that was kept before is.
        Raises `ValueError` if their ids do not rise.
        """
        with self._lock:
            self._ring.replace(frames)

    def pin(self, notice: Notice, *, tell: bool = True) -> None:
        """Send *notice* to each newcomer first, and with *tell* to all now.

        It is a state, not a happening: only the newest counts, and none is replayed.
        """
        with self._lock:
            self._pinned = notice
            if tell:
                self._send_to_live(notice)

    def join(
        self,
        sock: _socket.socket,
        lens: Lens = Lens(),
        *,
        last_event_id: str | None = None,
        client: str = "",
    ) -> None:
        """Take over *sock*, which is non-blocking, as a reader with *lens*.

        It gets `retry`, the pinned frame, the verdict on *last_event_id* if it
        brought one, then the frames it lacks, then each as it comes. Reading
        the ring and joining the live set is one step under the lock: no frame
        falls between, none comes twice. Raises `OSError` if the kernel can
        watch no more sockets; *sock* is the caller's still.
        """
        sub = Subscriber(sock, lens, client)
        with self._lock:
            sub.pending = self._first_bytes(sub, last_event_id)
            self._poller.add(sub.fd)
            self._by_fd[sub.fd] = sub
            self._parts[lens.part] += 1
            self._behind.add(sub)
            self.tally.comes(lens)
            log.debug("a reader comes from %s", client)
            if not self._advance(sub):
                self._poller.want_write(sub.fd, True)

    def drain(self, seconds: float) -> None:
        """Let all readers go within *seconds*, each told its own delay to return.

        Those not yet let go still get every frame.
        """
        self.draining = True
        ends_at = time.monotonic() + seconds
        while self._by_fd:
            steps_left = max(1, int((ends_at - time.monotonic()) / _DRAIN_STEP))
            with self._lock:
                for sub in list(islice(self._by_fd.values(), -(-len(self._by_fd) // steps_left))):
                    self._dismiss(sub)
            time.sleep(_DRAIN_STEP)

    def close(self) -> None:
        """Let all readers go at once and stop watching; more calls do nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._poller.wake()
        for thread in self._threads:
            thread.join()
        with self._lock:
            for sub in list(self._by_fd.values()):
                self._drop(sub, "drained")
        self._poller.close()

    def look_at_sockets(self) -> None:
        """Let go who hung up, and go on writing to who has room again."""
        with self._lock:
            for fd, mask in self._poller.ready():
                sub = self._by_fd[fd]
                if mask & HUNG_UP:
                    self._drop(sub, _why(_failure_of(sub)) if mask & FAILED else "hung_up")
                elif self._advance(sub) and fd in self._by_fd:
                    self._poller.want_write(fd, False)

    def look_at_clock(self) -> None:
        """Send a heartbeat after silence, and let go who takes no byte any more."""
        with self._lock:
            now = time.monotonic()
            if now - self._spoke_at >= self._heartbeat_after:
                self._send_to_live(self._heartbeat)
            for sub in [s for s in self._behind if now - s.moved_at > self._stall_limit]:
                self._drop(sub, "stalled")

    # What follows is called with the lock held, but for the two watches.

    def _append(self, frame: Frame, *, after_gap: bool = False) -> Frame | None:
        """Put *frame* into the ring; return the one that was the newest."""
        superseded = self._ring.newest
        self._ring.append(frame, after_gap=after_gap)
        if superseded is not None:
            superseded.forget_parts()
        return superseded

    def _send_to_live(self, frame: Frame | Notice | _Told) -> None:
        self._spoke_at = time.monotonic()
        for lens, members in list(self._live.items()):
            data = frame.seen_through(lens)
            size = len(data)
            short = []
            for sub in members:
                try:
                    sent = sub.sock.send(data)
                except BlockingIOError:
                    sent = 0
                except OSError as error:
                    sent = -(error.errno or 1)
                if sent != size:
                    short.append((sub, sent))
            taken = size * (len(members) - len(short)) + sum(max(0, sent) for _, sent in short)
            self.tally.bytes += taken
            if not isinstance(frame, Notice):
                self.tally.events += len(members)
            for sub, sent in short:
                if sent < 0:
                    self._drop(sub, _why(-sent))
                else:
                    self._fall_behind(sub, data, sent)

    def _fall_behind(self, sub: Subscriber, data: bytes, sent: int) -> None:
        """Let *sub* read on from the ring once the rest of *data* has gone."""
        self.tally.slow += 1
        self._live[sub.lens].remove(sub)
        self._behind.add(sub)
        sub.pending, sub.offset = data, sent
        sub.position = self._ring.end
        sub.cursor = self.newest_id
        sub.pinned = self._pinned
        sub.moved_at = time.monotonic()
        self._poller.want_write(sub.fd, True)

    def _advance(self, sub: Subscriber) -> bool:
        """Send *sub* what it lacks; False when the kernel takes no more for now."""
        try:
            while self._push(sub):
                following = self._next_for(sub)
                if following is None:
                    self._behind.remove(sub)
                    self._live.setdefault(sub.lens, set()).add(sub)
                    return True
                sub.pending = following
        except OSError as error:
            self._drop(sub, _why(error.errno))
            return True
        return False

    def _push(self, sub: Subscriber) -> bool:
        """Send what *sub* has pending; True when all of it has gone. Raises `OSError`."""
        left = sub.left
        try:
            return sub.push()
        finally:
            self.tally.bytes += left - sub.left

    def _next_for(self, sub: Subscriber) -> bytes | None:
        """Return the next bytes that *sub* lacks; None when it has all."""
        if sub.position < self._ring.start:
            return self._told_what_it_missed(sub)
        if sub.position < self._ring.end:
            frame = self._ring[sub.position]
            sub.position += 1
            sub.cursor = frame.id
            self.tally.events += 1
            return frame.seen_through(sub.lens)
        if sub.pinned is not self._pinned and self._pinned is not None:
            sub.pinned = self._pinned
            return self._pinned.seen_through(sub.lens)
        return None

    def _first_bytes(self, sub: Subscriber, last_event_id: str | None) -> bytes:
        """Return the greeting, and as much of what follows as is worth one `send`."""
        parts = [sub.opening(self._greeting(sub, last_event_id))]
        size = 0
        while size < _FIRST_SEND and (following := self._next_for(sub)):
            parts.append(following)
            size += len(following)
        return b"".join(parts)

    def _greeting(self, sub: Subscriber, last_event_id: str | None) -> bytes:
        """Return what comes before the ring's frames, and set where those start."""
        parts = [self._own_retry()]
        if self._pinned is not None:
            sub.pinned = self._pinned
            parts.append(self._pinned.plain)
        sub.position = max(self._ring.start, self._ring.end - 1)
        if last_event_id is not None:
            after = self._ring.after(int(last_event_id)) if _is_id(last_event_id) else None
            replayed = None if after is None else self._ring.end - after
            self.tally.returns(replayed)
            if after is None or replayed is None:
                parts.append(_verdict(last_event_id, recovered=False))
            else:
                sub.position, sub.cursor = after, int(last_event_id)
                parts.append(_verdict(last_event_id, recovered=True, replayed=replayed))
        return b"".join(parts)

    def _told_what_it_missed(self, sub: Subscriber) -> bytes:
        """Return the verdict: all between its last frame and the next that it gets."""
        self.tally.lapped += 1
        sub.position = self._ring.end - 1
        return sub.encoded(_verdict(str(sub.cursor), recovered=False))

    def _own_retry(self) -> bytes:
        """Return a reader's own delay: drawn, so that they do not return in step."""
        return retry(round(self._retry * random.uniform(500, 1500)))  # noqa: S311 - not a secret

    def _dismiss(self, sub: Subscriber) -> None:
        """Tell *sub* when to return, if it keeps up enough to hear it, and let it go."""
        if sub not in self._behind:
            sub.pending = sub.encoded(self._own_retry())
            with suppress(OSError):
                self._push(sub)
        self._drop(sub, "drained")

    def _drop(self, sub: Subscriber, why: Why) -> None:
        self.tally.leaves(sub.lens, why)
        log.debug("a reader from %s leaves: %s", sub.client, why)
        del self._by_fd[sub.fd]
        self._behind.discard(sub)
        members = self._live.get(sub.lens)
        if members is not None:
            members.discard(sub)
            if not members:
                del self._live[sub.lens]
        self._parts[sub.lens.part] -= 1
        if not self._parts[sub.lens.part]:
            del self._parts[sub.lens.part]
        self._poller.remove(sub.fd)
        sub.sock.close()
        self._on_leave(sub.client)

    def _watch_sockets(self) -> None:
        while True:
            self._poller.wait()
            if self._closing.is_set():
                return
            self.look_at_sockets()

    def _watch_clock(self) -> None:
        while not self._closing.wait(min(_SWEEP, self._heartbeat_after / 4)):
            self.look_at_clock()


class _Told(NamedTuple):
    """A *verdict* and the *frame* after it, as one: a reader gets both or is behind on both."""

    verdict: bytes
    frame: Frame

    def seen_through(self, lens: Lens) -> bytes:
        return Notice(self.verdict).seen_through(lens) + self.frame.seen_through(lens)


def _why(error: int | None) -> Why:
    """Return why a reader left whose socket fails with the system's number *error*."""
    return "timed_out" if error == errno.ETIMEDOUT else "hung_up"


def _failure_of(sub: Subscriber) -> int:
    """Return the system's number of what happened to the socket of *sub*; 0 is nothing."""
    return sub.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _is_id(text: str) -> bool:
    """Return whether *text* is an id as frames carry it: digits alone."""
    return text.isascii() and text.isdigit() and len(text) < 20


def _verdict(last_event_id: str, *, recovered: bool, replayed: int = 0) -> bytes:
    """Return the frame that says what became of a reader's place in the stream."""
    body = {"last_event_id": last_event_id, "recovered": recovered, "replayed": replayed}
    return encode(json.dumps(body), event="resume")
