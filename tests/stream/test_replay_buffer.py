"""The replay buffer keeps the newest frames and knows what followed an id."""

import pytest

from tracker.stream.frames import Frame, encode
from tracker.stream.replay_buffer import ReplayBuffer


def frame(id: int) -> Frame:
    return Frame(id, lambda topics: encode(str(id)))


def buffer_of(size: int, ids: range) -> ReplayBuffer:
    buffer = ReplayBuffer(size)
    for id in ids:
        buffer.append(frame(id))
    return buffer


def test_positions_go_on_when_old_frames_leave() -> None:
    buffer = buffer_of(3, range(100, 105))
    assert (buffer.start, buffer.end) == (2, 5)
    assert [buffer[position].id for position in range(2, 5)] == [102, 103, 104]
    for position in (1, 5):
        with pytest.raises(LookupError):
            buffer[position]


def test_after_an_id_comes_the_next_position_and_one_that_just_left_still_counts() -> None:
    """All that followed that one is here."""
    buffer = buffer_of(3, range(100, 105))
    assert [buffer.after(id) for id in range(100, 105)] == [None, buffer.start, 3, 4, 5]
    assert len(buffer._position_of) == 4, "ids that left cost no memory"


def test_what_takes_the_place_of_all_is_found_and_who_was_behind_is_told() -> None:
    buffer = buffer_of(3, range(100, 103))
    buffer.replace(frame(id) for id in range(50, 54))
    assert [buffer[position].id for position in range(buffer.start, buffer.end)] == [51, 52, 53]
    assert buffer.start > 3, "nobody's next position"
    assert buffer.after(50) == buffer.start
    assert buffer.after(102) is None


def test_before_the_first_frame_nobody_has_missed_anything() -> None:
    buffer = ReplayBuffer(3)
    assert buffer.newest is None
    buffer.append(frame(100), after_gap=True)
    assert buffer.start == 0


def test_after_a_gap_no_id_is_known_and_everybody_is_behind() -> None:
    buffer = buffer_of(3, range(100, 103))
    for id in (200, 50):  # ids may fall: what was before is no longer true
        before = buffer.end
        buffer.append(frame(id), after_gap=True)
        assert buffer.after(102) is None
        assert before < buffer.start
        assert buffer[buffer.end - 1].id == id
