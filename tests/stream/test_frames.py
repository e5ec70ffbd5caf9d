"""Frames mean to somebody else's parser what was put into them."""

import itertools
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stream_clients import decode
from tracker.stream import frames
from tracker.stream.frames import GZIP_HEADER, HEARTBEAT, Frame, FrameError, Variant, encode

texts = st.text(
    st.one_of(
        st.sampled_from("\r\n\u2028\u2029\x0b\x0c\x85\0\ufeff :"), st.characters(codec="utf-8")
    ),
    min_size=1,
)


@given(st.lists(texts, min_size=1, max_size=5), st.lists(st.integers(0, 10_000)))
def test_any_data_arrives_whole_however_it_is_chunked(data: list[str], places: list[int]) -> None:
    """Of heartbeats, comments and delays between them no event is made."""
    wire = frames.retry(2500) + b"".join(
        HEARTBEAT + encode(one, event="prices", id=id) + frames.comment(one)
        for id, one in enumerate(data)
    )
    wire += frames.retry(2500)
    cuts = sorted({0, len(wire), *(place % len(wire) for place in places)})
    events = decode([wire[a:b] for a, b in itertools.pairwise(cuts)])
    sent = [("prices", str(id), re.sub("\r\n|\r", "\n", one)) for id, one in enumerate(data)]
    assert [(event.event, event.id, event.data) for event in events] == sent
    assert events[0].retry == 2500


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n"])
def test_an_events_name_cannot_forge_fields(line_end: str) -> None:
    with pytest.raises(FrameError, match="line break"):
        encode("x", event=f"prices{line_end}data: forged")


def test_an_event_without_data_is_refused_as_no_browser_would_fire_it() -> None:
    with pytest.raises(FrameError, match="without data"):
        encode("")


def test_an_event_without_id_leaves_the_readers_last_id_alone() -> None:
    assert b"id:" not in encode("x", event="status")


def test_a_frame_is_rendered_once_for_each_variant_until_it_forgets_its_topics() -> None:
    rendered = []

    def render(topics: tuple[str, ...]) -> bytes:
        rendered.append(topics)
        return encode(",".join(topics) or "all")

    frame = Frame(1, render)
    variants = [Variant(), Variant(gzip=True), Variant(("a",)), Variant(("a",), gzip=True)]
    first = [frame.bytes_for(variant) for variant in variants]
    assert [frame.bytes_for(variant) for variant in variants] == first
    assert rendered == [(), ("a",)]
    frame.forget_topics()
    assert [frame.bytes_for(variant) for variant in variants] == first
    assert rendered == [(), ("a",), ("a",), ("a",)], "plain, and for gzip"


@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=6), st.data())
def test_gzip_pieces_make_one_stream_from_wherever_it_is_joined(
    pieces: list[bytes], data: st.DataObject
) -> None:
    joined_at = data.draw(st.integers(0, len(pieces) - 1))
    gunzip = zlib.decompressobj(31)
    gunzip.decompress(GZIP_HEADER)
    for piece in pieces[joined_at:]:
        block = frames.gzip_block(piece)
        assert gunzip.decompress(block) == piece, "each event is there as soon as its block is"
