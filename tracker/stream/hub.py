"""The hub: writes each frame to every subscriber, and waits for none of them.

A broadcast is one non-blocking `send` of the same bytes to each reader that keeps up.
One that takes less reads on from the replay buffer when it has room again; past the
buffer it gets a `resume` event with what it missed, and the newest frame.
Terminals get screens in place of frames; one that is behind gets the newest alone.

It is written as plain threads and a lock. Under gevent each thread is a
greenlet and nothing that holds the lock switches, so it is never waited for.
It does not know HTTP: `response` brings it sockets whose response has begun.
"""

from __future__ import annotations

import _socket
import errno
import json
import logging
import random
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from socket import SO_ERROR, SOL_SOCKET

from tracker.stream import frames
from tracker.stream.admission import Admission
from tracker.stream.critical_thread import critical_thread
from tracker.stream.frames import HEARTBEAT, ControlFrame, Frame, LastEventId, Variant, encode
from tracker.stream.poller import FAILED, HUNG_UP, SENDS_NO_MORE, WRITABLE, Poller
from tracker.stream.replay_buffer import ReplayBuffer
from tracker.stream.screen import CLEAR, GOODBYE, NOTHING, Screen
from tracker.stream.stats import Stats, Why, kind_of
from tracker.stream.subscriber import Subscriber

_SWEEP = 1.0
"""Seconds between two sweeps for silence and for stalled readers."""
_FIRST_SEND = 32 * 1024
"""Bytes, about, that a newcomer is sent at once: it saves calls of the kernel."""
_SCREEN_AGE = 1.0
"""Seconds after which a screen is drawn anew for newcomers: the ages in it have grown."""
_DRAIN_STEP = 0.05
"""Seconds between two groups of readers that a drain dismisses."""

log = logging.getLogger(__name__)


class Hub:
    """All subscribers of one process. Times are in seconds.

        joins ─▶ behind ⇄ live ─▶ dropped

    A reader that is behind reads from the replay buffer at its own pace, as the
    poller says; with all sent it is live, until its kernel takes less than a frame.
    When it hangs up or stalls it is dropped.
    """

    def __init__(
        self,
        *,
        replay: int = 1000,
        heartbeat: float = 15,
        retry: float = 3,
        stall_limit: float = 40,
        limit: int = 100_000,
        per_client: int = 100_000,
    ) -> None:
        self._replay = ReplayBuffer(replay)
        self._heartbeat_after = heartbeat
        self._heartbeat = ControlFrame(HEARTBEAT)
        self._retry = retry
        self._stall_limit = stall_limit
        self._lock = threading.Lock()
        self._poller = Poller()
        self._by_fd: dict[int, Subscriber] = {}
        self._live: dict[Variant, set[Subscriber]] = {}
        self._behind: set[Subscriber] = set()
        self._retained: ControlFrame | None = None
        self._screen: Screen | None = None
        self._spoke_at = time.monotonic()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.draining = False
        """Whether readers are being dismissed, since the process ends."""
        self.admission = Admission(limit=limit, per_client=per_client)
        """The readers of now, counted, and how many were refused."""
        self.stats = Stats()
        """What happened so far."""

    def __len__(self) -> int:
        """Return the number of subscribers."""
        return len(self._by_fd)

    @property
    def behind(self) -> int:
        """How many subscribers have not been sent all there is."""
        return len(self._behind)

    @property
    def has_terminals(self) -> bool:
        """Whether anybody watches a screen."""
        return any(variant.is_screen for variant in list(self.admission.variants))

    @property
    def runs(self) -> bool:
        """Whether it watches sockets and clock."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def admit(
        self,
        client: str = "",
        variant: Variant = Variant(),
        last_event_id: LastEventId | None = None,
    ) -> Ticket:
        """Return a place for a reader of *variant* from *client*. Raises `NotAdmittedError`."""
        with self._lock:
            self.admission.enter(client, variant)
        return Ticket(self, client, variant, last_event_id)

    def start(self) -> None:
        """Begin to watch for hang-ups, room to write, silence and stalls."""
        self._threads = [
            critical_thread(self._watch_sockets, "hub: sockets"),
            critical_thread(self._watch_clock, "hub: clock"),
        ]

    def broadcast(self, frame: Frame, *, after_gap: bool = False) -> None:
        """Send *frame* to all, and keep it. Raises `ValueError` if its id does not rise.

        With *after_gap* there were frames before it that cannot be had, or those before
        are no longer true: readers get a `resume` event first, the older ones are no longer
        replayed, and the id need not rise.
        """
        with self._lock:
            superseded = self._replay.newest
            self._replay.append(frame, after_gap=after_gap)
            if superseded is not None:
                superseded.forget_topics()
            if after_gap and superseded is not None:
                frame = _with_verdict(str(superseded.id), frame)
            self.stats.events += self._send_to_live(frame)

    def load_history(self, frames: Iterable[Frame]) -> None:
        """Keep *frames*, oldest first, and no others for readers that return; nothing is sent.

        Raises `ValueError` if their ids do not rise.
        """
        with self._lock:
            self._replay.replace(frames)

    def retain(self, frame: ControlFrame, *, send: bool = True) -> None:
        """Send the state *frame* to each newcomer first until the next, and with *send* to all."""
        with self._lock:
            self._retained = frame
            if send:
                self._send_to_live(frame)

    def show(self, screen: Screen) -> None:
        """Draw *screen* on all terminals, and on each newcomer's until the next."""
        for variant in list(self.admission.variants):
            if variant.is_screen:
                screen.bytes_for(variant)
                time.sleep(0)  # a large table takes 20 ms, in which nothing else would run
        with self._lock:
            self._screen = screen
            self.stats.events += self._send_to_live(screen)

    def join(self, sock: _socket.socket, ticket: Ticket) -> None:
        """Take over *sock*, which is non-blocking, as the reader with *ticket*.

        It gets `retry`, the retained frame, the verdict on its last event id if it
        brought one, then the frames it lacks, then each as it comes; a terminal gets
        the screen. Reading and joining is one step under the lock. Raises `OSError` if
        the kernel can watch no more sockets; *sock* is the caller's still.
        """
        sub = Subscriber(sock, ticket.variant, ticket.client)
        with self._lock:
            sub.pending = self._first_bytes(sub, ticket.last_event_id)
            self._poller.add(sub.fd)
            self._by_fd[sub.fd] = sub
            ticket.is_open = False
            self._behind.add(sub)
            self.stats.joined[kind_of(sub.variant)] += 1
            log.debug("a reader joins from %s", sub.client)
            if not self._advance(sub):
                self._poller.want_write(sub.fd, True)

    def cancel(self, ticket: Ticket) -> None:
        """Free the place of *ticket*, unless its reader joined."""
        with self._lock:
            if ticket.is_open:
                ticket.is_open = False
                self.admission.leave(ticket.client, ticket.variant)

    def drain(self, seconds: float) -> None:
        """Dismiss all readers within *seconds*; until then each still gets every frame."""
        self.draining = True
        ends_at = time.monotonic() + seconds
        while self._by_fd:
            steps_left = max(1, int((ends_at - time.monotonic()) / _DRAIN_STEP))
            with self._lock:
                for sub in list(islice(self._by_fd.values(), -(-len(self._by_fd) // steps_left))):
                    self._dismiss(sub)
            time.sleep(_DRAIN_STEP)

    def close(self) -> None:
        """Drop all readers at once and stop watching; more calls do nothing."""
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

    def poll_sockets(self) -> None:
        """Drop readers that hung up, and go on writing to those with room again."""
        with self._lock:
            for fd, mask in self._poller.ready():
                sub = self._by_fd[fd]
                if mask & HUNG_UP:
                    error = mask & FAILED and sub.sock.getsockopt(SOL_SOCKET, SO_ERROR)
                    self._drop(sub, _why(error))
                    continue
                if mask & SENDS_NO_MORE:
                    self._probe(sub)
                is_through = mask & WRITABLE and sub in self._behind and self._advance(sub)
                if is_through and fd in self._by_fd:
                    self._poller.want_write(fd, False)

    def sweep(self) -> None:
        """Send a heartbeat after silence, and drop readers that take no byte any more.

        It is the retained frame again, an event that scripts in browsers see, or a comment
        where there is none. A terminal's heartbeat is its screen, drawn anew.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._spoke_at >= self._heartbeat_after:
                self._send_to_live(self._retained or self._heartbeat)
                if self._screen is not None:
                    self._screen = self._screen.again()
                    self._send_to_live(self._screen)
            for sub in [s for s in self._behind if now - s.moved_at > self._stall_limit]:
                self._drop(sub, "stalled")

    # What follows is called with the lock held, but for the two watches.

    def _send_to_live(self, frame: Frame | ControlFrame | Screen) -> int:
        """Send *frame* to all who read its form and keep up; return how many there were."""
        self._spoke_at = time.monotonic()
        is_screen, readers = isinstance(frame, Screen), 0
        for variant, members in list(self._live.items()):
            if variant.is_screen is not is_screen:
                continue
            data = frame.bytes_for(variant)
            readers += len(members)
            self._send(data, members)
        return readers

    def _send(self, data: bytes, members: Collection[Subscriber]) -> None:
        """Send *data* to *members*, who keep up: one that takes less falls behind."""
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
        self.stats.bytes += size * (len(members) - len(short))
        self.stats.bytes += sum(max(0, sent) for _, sent in short)
        for sub, sent in short:
            if sent < 0:
                self._drop(sub, _why(-sent))
            else:
                self._fall_behind(sub, data, sent)

    def _probe(self, sub: Subscriber) -> None:
        """Send *sub* bytes without meaning: a kernel whose socket is closed refuses them.

        One that only sends no more takes them. What is behind has bytes under way.
        """
        is_behind = sub in self._behind
        self._poller.note_silence(sub.fd, wants_write=is_behind)
        if not is_behind:
            self._send(sub.encoded(NOTHING if sub.variant.is_screen else HEARTBEAT), [sub])

    def _fall_behind(self, sub: Subscriber, data: bytes, sent: int) -> None:
        """Let *sub* read on, from the replay buffer or the newest screen, after *data*'s rest."""
        self.stats.slow += 1
        self._live[sub.variant].remove(sub)
        self._behind.add(sub)
        sub.pending, sub.offset = data, sent
        sub.position = self._replay.end
        sub.cursor = self._replay.newest.id if self._replay.newest else None
        sub.retained = self._screen if sub.variant.is_screen else self._retained
        sub.moved_at = time.monotonic()
        self._poller.want_write(sub.fd, True)

    def _advance(self, sub: Subscriber) -> bool:
        """Send *sub* what it lacks; False when the kernel takes no more for now."""
        try:
            while self._push(sub):
                if (following := self._next_for(sub)) is None:
                    self._behind.remove(sub)
                    self._live.setdefault(sub.variant, set()).add(sub)
                    return True
                sub.pending = following
        except OSError as error:
            self._drop(sub, _why(error.errno))
            return True
        return False

    def _push(self, sub: Subscriber) -> bool:
        """Send what *sub* has pending; True when all of it has gone. Raises `OSError`."""
        while sub.offset < len(sub.pending):
            try:
                sent = sub.sock.send(memoryview(sub.pending)[sub.offset :])
            except BlockingIOError:
                return False
            sub.offset += sent
            sub.moved_at = time.monotonic()
            self.stats.bytes += sent
        sub.pending, sub.offset = b"", 0
        return True

    def _next_for(self, sub: Subscriber) -> bytes | None:
        """Return the next bytes that *sub* lacks; None when it has all."""
        if sub.variant.is_screen:
            return self._newest_screen(sub)
        if sub.position < self._replay.start:  # lapped: it gets the newest, and what it missed
            self.stats.lapped += 1
            sub.position = self._replay.end - 1
            return sub.encoded(_verdict(str(sub.cursor), recovered=False))
        if sub.position < self._replay.end:
            frame = self._replay[sub.position]
            sub.position += 1
            sub.cursor = frame.id
            self.stats.events += 1
            return frame.bytes_for(sub.variant)
        if sub.retained is not self._retained and self._retained is not None:
            sub.retained = self._retained
            return self._retained.bytes_for(sub.variant)
        return None

    def _newest_screen(self, sub: Subscriber) -> bytes | None:
        if sub.retained is self._screen or self._screen is None:
            return None
        sub.retained = self._screen
        self.stats.events += 1
        return self._screen.bytes_for(sub.variant)

    def _first_bytes(self, sub: Subscriber, last_event_id: LastEventId | None) -> bytes:
        """Return what comes before the replay buffer's frames, and as many as one `send` takes."""
        if sub.variant.is_screen:
            if self._screen and time.monotonic() - self._screen.began_at >= _SCREEN_AGE:
                self._screen = self._screen.again()
            return sub.encoded(CLEAR, opening=True) + (self._newest_screen(sub) or b"")
        greeting = self._own_retry()
        if self._retained is not None:
            sub.retained = self._retained
            greeting += self._retained.plain
        sub.position = max(self._replay.start, self._replay.end - 1)
        if last_event_id is not None:
            greeting += self._resume(sub, last_event_id)
        parts = [sub.encoded(greeting, opening=True)]
        size = 0
        while size < _FIRST_SEND and (following := self._next_for(sub)):
            parts.append(following)
            size += len(following)
        return b"".join(parts)

    def _resume(self, sub: Subscriber, last: LastEventId) -> bytes:
        """Let *sub* read on after *last* if all that followed is here; return the verdict."""
        after = None if last.id is None else self._replay.after(last.id)
        self.stats.resumed[after is not None] += 1
        if after is None:
            return _verdict(last.text, recovered=False)
        sub.position, sub.cursor = after, last.id
        replayed = self._replay.end - after
        self.stats.replayed += replayed
        return _verdict(last.text, recovered=True, replayed=replayed)

    def _own_retry(self) -> bytes:
        """Return a reader's own delay: drawn, so that they do not return in step."""
        return frames.retry(round(self._retry * random.uniform(500, 1500)))  # noqa: S311 - not a secret

    def _dismiss(self, sub: Subscriber) -> None:
        """Send *sub* its delay to return, or a terminal its last line, if it keeps up; drop it."""
        if sub not in self._behind:
            last = GOODBYE if sub.variant.is_screen else self._own_retry()
            sub.pending = sub.encoded(last)
            with suppress(OSError):
                self._push(sub)
        self._drop(sub, "drained")

    def _drop(self, sub: Subscriber, why: Why) -> None:
        self.stats.left[why] += 1
        self.admission.leave(sub.client, sub.variant)
        log.debug("a reader from %s left: %s", sub.client, why)
        del self._by_fd[sub.fd]
        self._behind.discard(sub)
        if (members := self._live.get(sub.variant)) is not None:
            members.discard(sub)
            if not members:
                del self._live[sub.variant]
        self._poller.remove(sub.fd)
        sub.sock.close()

    def _watch_sockets(self) -> None:
        while True:
            self._poller.wait()
            if self._closing.is_set():
                return
            self.poll_sockets()

    def _watch_clock(self) -> None:
        while not self._closing.wait(min(_SWEEP, self._heartbeat_after / 4)):
            self.sweep()


@dataclass(slots=True, eq=False)
class Ticket:
    """A place for one reader: `join` takes it, `cancel` gives it back."""

    hub: Hub
    client: str
    variant: Variant
    last_event_id: LastEventId | None
    is_open: bool = True
    """Whether neither has happened yet; the hub's to change."""

    def join(self, sock: _socket.socket) -> None:
        """Give the hub *sock*, which is non-blocking. Raises `OSError`, as `Hub.join`."""
        self.hub.join(sock, self)

    def cancel(self) -> None:
        """Free the place, unless the reader joined."""
        self.hub.cancel(self)


def _with_verdict(last_event_id: str, frame: Frame) -> Frame:
    """Return verdict and *frame* as one, so that a reader gets both or is behind on both."""
    verdict = _verdict(last_event_id, recovered=False)
    return Frame(frame.id, lambda topics: verdict + frame.bytes_for(Variant(topics)))


def _why(error: int | None) -> Why:
    """Return why a reader left whose socket fails with the system's number *error*."""
    return "timed_out" if error == errno.ETIMEDOUT else "hung_up"


def _verdict(last_event_id: str, *, recovered: bool, replayed: int = 0) -> bytes:
    """Return the frame that says what became of a reader's place in the stream."""
    body = {"last_event_id": last_event_id, "recovered": recovered, "replayed": replayed}
    return encode(json.dumps(body), event="resume")
