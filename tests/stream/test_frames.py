"""Frames mean to somebody else's parser what was put into them."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stream_clients import decode
from tracker.stream import frames
from tracker.stream.frames import GZIP_HEADER, HEARTBEAT, Frame, FrameError, Variant, encode

LINE_ENDS = ["\r\n", "\r", "\n"]
texts = st.text(
    st.one_of(
        st.sampled_from("\r\n\u2028\u2029\x0b\x0c\x85\0\ufeff :"), st.characters(codec="utf-8")
    ),
    min_size=1,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return *data* in pieces, cut at *places*, each taken modulo its length."""
    at = sorted({place % len(data) for place in places})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True) if a < b]


def with_newlines(text: str) -> str:
    """Return *text* with each of the three line ends as LF, as a reader gets it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(texts, st.integers(1, 2**53), st.lists(st.integers(0, 10_000)))
def test_any_data_arrives_whole_however_it_is_chunked(
    data: str, id: int, places: list[int]
) -> None:
    wire = encode(data, event="prices", id=id)
    events = decode(cut(wire, places))
    assert [(e.event, e.id, e.data) for e in events] == [("prices", str(id), with_newlines(data))]


@given(st.lists(texts, min_size=1, max_size=5), st.lists(st.integers(0, 10_000)))
def test_frames_heartbeats_and_comments_do_not_run_into_each_other(
    data: list[str], places: list[int]
) -> None:
    wire = frames.retry(2500) + b"".join(
        HEARTBEAT + encode(one) + frames.comment(one) for one in data
    )
    events = decode(cut(wire, places))
    assert [event.data for event in events] == [with_newlines(one) for one in data]
    assert events[0].retry == 2500


def test_a_line_separator_of_unicode_does_not_end_a_line() -> None:
    assert encode("a\u2028b\x85c").count(b"data:") == 1


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_an_events_name_cannot_forge_fields(line_end: str) -> None:
    with pytest.raises(FrameError, match="line break"):
        encode("x", event=f"prices{line_end}data: forged")


def test_an_event_without_data_is_refused_as_no_browser_would_fire_it() -> None:
    with pytest.raises(FrameError, match="without data"):
        encode("")


def test_an_event_without_id_leaves_the_readers_last_id_alone() -> None:
    assert b"id:" not in encode("x", event="status")


def test_no_client_fires_an_event_for_a_heartbeat_a_comment_or_a_retry() -> None:
    wire = encode("x", id=1) + HEARTBEAT + frames.comment("why\nnot") + frames.retry(1)
    assert [event.data for event in decode([wire])] == ["x"]


def test_a_frame_is_rendered_once_for_each_variant() -> None:
    rendered = []

    def render(topics: tuple[str, ...]) -> bytes:
        rendered.append(topics)
        return encode(",".join(topics) or "all")

    frame = Frame(1, render)
    variants = [Variant(), Variant(gzip=True), Variant(("a",)), Variant(("a",), gzip=True)]
    first = [frame.bytes_for(variant) for variant in variants]
    assert [frame.bytes_for(variant) for variant in variants] == first
    assert rendered == [(), ("a",)]


def test_a_frame_forgets_its_parts_and_renders_them_again_when_asked() -> None:
    rendered = []

    def render(topics: tuple[str, ...]) -> bytes:
        rendered.append(topics)
        return encode("x")

    frame = Frame(1, render)
    for variant in (Variant(), Variant(("a",))):
        frame.bytes_for(variant)
    frame.forget_topics()
    for variant in (Variant(), Variant(("a",))):
        frame.bytes_for(variant)
    assert rendered == [(), ("a",), ("a",)]


@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=6), st.data())
def test_gzip_pieces_make_one_stream_from_wherever_it_is_joined(
    pieces: list[bytes], data: st.DataObject
) -> None:
    blocks = [frames.gzip_block(piece) for piece in pieces]
    joined_at = data.draw(st.integers(0, len(pieces) - 1))
    gunzip = zlib.decompressobj(31)
    gunzip.decompress(GZIP_HEADER)
    for block, piece in zip(blocks[joined_at:], pieces[joined_at:], strict=True):
        assert gunzip.decompress(block) == piece, "each event is there as soon as its block is"
