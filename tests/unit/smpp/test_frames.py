"""The framer: any cut of the stream gives the same frames, and a lie about a length ends it."""

from itertools import pairwise
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.frames import HEADER_OCTETS, PDU_OCTETS_MAX, BadFrame, Framer

FRAMES = st.lists(st.binary(max_size=300).map(lambda body: pack(">I", 16 + len(body)) + bytes(12) + body))
BAD_LENGTHS = st.one_of(st.integers(0, 15), st.integers(PDU_OCTETS_MAX + 1, 2**32 - 1))


def frame(octets: int) -> bytes:
    return pack(">I", octets) + bytes(octets - 4)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in at), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(edges)]


@given(FRAMES, st.lists(st.integers(min_value=0)))
def test_cutting_the_stream_anywhere_changes_nothing(frames: list[bytes], at: list[int]) -> None:
    framer = Framer()
    got = [found for chunk in cut(b"".join(frames), at) for found in framer.feed(chunk)]
    assert got == frames
    assert framer.held == 0


@given(FRAMES, BAD_LENGTHS, st.binary(), st.lists(st.integers(min_value=0)))
def test_good_frames_before_a_bad_one_survive(
    frames: list[bytes], length: int, junk: bytes, at: list[int]
) -> None:
    framer, got = Framer(), []
    with pytest.raises(BadFrame) as bad:
        for chunk in cut(b"".join(frames) + pack(">I", length) + junk, at):
            got.extend(framer.feed(chunk))
    assert got == frames
    assert bad.value.length == length
    assert framer.held == 0


@given(st.lists(st.binary(max_size=40)))
def test_any_octets_end_in_frames_or_a_bad_frame(chunks: list[bytes]) -> None:
    framer = Framer()
    try:
        for chunk in chunks:
            for found in framer.feed(chunk):
                assert len(found) >= HEADER_OCTETS
            assert framer.held < PDU_OCTETS_MAX
    except BadFrame:
        assert framer.held == 0


@pytest.mark.parametrize("octets", [HEADER_OCTETS, HEADER_OCTETS + 1, PDU_OCTETS_MAX])
def test_the_smallest_and_the_largest_length_are_taken(octets: int) -> None:
    assert [len(found) for found in Framer().feed(frame(octets))] == [octets]


@pytest.mark.parametrize("octets", [0, HEADER_OCTETS - 1, PDU_OCTETS_MAX + 1, 2**32 - 1])
def test_a_length_beyond_either_end_is_refused_as_soon_as_it_is_known(octets: int) -> None:
    framer = Framer()
    assert list(framer.feed(pack(">I", octets)[:3])) == []
    with pytest.raises(BadFrame):
        list(framer.feed(pack(">I", octets)[3:]))


def test_a_frame_comes_out_with_its_last_octet_and_not_before() -> None:
    framer, whole = Framer(), frame(20)
    assert [list(framer.feed(bytes([octet]))) for octet in whole[:-1]] == [[]] * 19
    assert list(framer.feed(whole[-1:])) == [whole]


def test_frames_that_were_not_iterated_come_with_the_next_call() -> None:
    framer = Framer()
    assert next(framer.feed(frame(300) + frame(20) + frame(30))) == frame(300)
    assert list(framer.feed(b"")) == [frame(20), frame(30)]


def test_nothing_is_read_after_a_bad_frame() -> None:
    framer = Framer()
    for chunk in (b"\xff" * 20, frame(20), b""):
        with pytest.raises(BadFrame):
            list(framer.feed(chunk))
    assert framer.held == 0


def test_memory_is_bounded_by_the_largest_pdu_however_slowly_it_comes() -> None:
    framer, whole = Framer(), frame(PDU_OCTETS_MAX)
    for start in range(0, len(whole) - 1000, 1000):
        assert list(framer.feed(whole[start : start + 1000])) == []
        assert framer.held < PDU_OCTETS_MAX
