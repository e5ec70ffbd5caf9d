"""The ring keeps the newest frames and knows what followed an id."""

from __future__ import annotations

import pytest

from tracker.stream.frames import Frame, encode
from tracker.stream.replay_buffer import Ring


def frame(id: int) -> Frame:
    return Frame(id, lambda part: encode(str(id)))


def ring_of(size: int, ids: range) -> Ring:
    ring = Ring(size)
    for id in ids:
        ring.append(frame(id))
    return ring


def test_positions_go_on_when_old_frames_leave() -> None:
    ring = ring_of(3, range(100, 105))
    assert (ring.start, ring.end) == (2, 5)
    assert [ring[position].id for position in range(2, 5)] == [102, 103, 104]


def test_a_position_that_has_left_or_not_come_is_an_error() -> None:
    ring = ring_of(3, range(100, 105))
    for position in (1, 5):
        with pytest.raises(LookupError):
            ring[position]


def test_after_an_id_comes_the_next_position() -> None:
    ring = ring_of(3, range(100, 105))
    assert [ring.after(id) for id in (102, 103, 104)] == [3, 4, 5]


def test_an_id_that_just_left_still_counts_since_all_that_followed_is_here() -> None:
    ring = ring_of(3, range(100, 105))
    assert ring.after(101) == ring.start
    assert ring.after(100) is None


def test_ids_that_left_cost_no_memory() -> None:
    ring = ring_of(3, range(1, 10_000))
    assert len(ring._position_of) == 4


def test_an_id_must_rise() -> None:
    ring = ring_of(3, range(100, 102))
    with pytest.raises(ValueError, match="does not come after"):
        ring.append(frame(101))


def test_what_takes_the_place_of_all_is_found_and_who_was_behind_is_told() -> None:
    ring = ring_of(3, range(100, 103))
    ring.replace(frame(id) for id in range(50, 54))
    assert [ring[position].id for position in range(ring.start, ring.end)] == [51, 52, 53]
    assert ring.start > 3, "nobody's next position"
    assert ring.after(50) == ring.start
    assert ring.after(102) is None


def test_before_the_first_frame_nobody_has_missed_anything() -> None:
    ring = Ring(3)
    ring.append(frame(100), after_gap=True)
    assert ring.start == 0


def test_an_empty_ring_has_no_newest() -> None:
    assert Ring(3).newest is None


def test_after_a_gap_no_id_is_known_and_everybody_is_behind() -> None:
    ring = ring_of(3, range(100, 103))
    before = ring.end
    ring.append(frame(200), after_gap=True)
    assert ring.after(102) is None
    assert before < ring.start
    assert ring[ring.end - 1].id == 200
