"""Any octets from a carrier, cut anywhere, and the oddities that carriers are known for."""

from itertools import pairwise
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpp_stream import hear

from tidings.connectors.smpp import pdu as wire
from tidings.connectors.smpp.events import Answered, Closed, Delivered, Took
from tidings.connectors.smpp.pdu import DeliverSm, SubmitSmResp, encode

numbers = st.integers(0, 6)
body = st.binary(max_size=60)
commands = st.sampled_from([*wire.LAYOUTS, 0x3, 0x102, 0xB, 0xDEAD, 0x8000_0003])
frames = st.one_of(
    st.builds(
        lambda command, status, number, rest: pack(">IIII", 16 + len(rest), command, status, number) + rest,
        commands,
        st.sampled_from([0, 8, 0x58, 0xFFFFFFFF]),
        numbers,
        body,
    ),
    st.builds(lambda number, id_: encode(SubmitSmResp(number, message_id=id_)), numbers, st.just("a1")),
    st.builds(
        lambda number, esm_class, text: encode(DeliverSm(number, esm_class=esm_class, short_message=text)),
        numbers,
        st.sampled_from([0, 4, 0x20, 0x24, 0x44, 8]),
        body
        | st.just(
            b"id:1 sub:001 dlvrd:001 submit date:2605171130 done date:2605171130 stat:DELIVRD err:000 text:hi"
        )
        | st.just(b"id:1 stat:DELIVRD err:000 done date:2605171130 text:id:2"),
    ),
)
mangled = st.tuples(frames, st.integers(0, 200), st.integers(0, 255)).map(
    lambda one: one[0][: one[1] % len(one[0])] + bytes([one[2]]) + one[0][one[1] % len(one[0]) + 1 :]
)
streams = st.lists(frames | mangled | st.binary(max_size=20), max_size=12).map(b"".join)


@given(streams, st.lists(st.integers(0, 10_000), max_size=20))
def test_any_octets_cut_anywhere_mean_the_same(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    chunks = [stream[start:stop] for start, stop in pairwise(edges)]
    assert hear(chunks) == hear([stream])


@given(
    st.lists(frames, max_size=6), st.sampled_from([0, 15, 128 * 1024 + 1, 0xFFFFFFFF]), st.binary(max_size=30)
)
def test_what_came_before_nonsense_still_counts(good: list[bytes], length: int, junk: bytes) -> None:
    before, _ = hear(good)
    events, _ = hear([b"".join(good) + pack(">I", length) + junk])
    if not any(isinstance(event, Closed) for event in before):
        assert events == [*before, Closed("bad_frame")]


def raw(command: int, status: int, number: int, rest: bytes = b"") -> bytes:
    return pack(">IIII", 16 + len(rest), command, status, number) + rest


SM = b"\0\x01\x01380501234567\0\x05\x00Tidings\0\x04\x00\x00\0\0\x00\x00\x00\x00"

ODDITIES = {
    "a refusal without a body": (raw(0x80000004, 0x0B, 2), Answered),
    "a refusal with an id": (raw(0x80000004, 0x58, 2, b"\0"), Answered),
    "a submission that is taken": (raw(0x80000004, 0, 2, b"1a2b\0"), Took),
    "a submission that is taken, with a TLV": (raw(0x80000004, 0, 2, b"1a2b\0\x04\x28\0\x01\x00"), Answered),
    "an id without its NUL": (raw(0x80000004, 0, 2, b"1a2b"), Answered),
    "an id that is longer than allowed": (raw(0x80000004, 0, 2, b"x" * 200 + b"\0"), Answered),
    "a nack that answers a submission": (raw(0x80000000, 0x03, 2), Answered),
    "a receipt in upper case": (raw(5, 0, 9, SM + b"\x13ID:1 STAT:DELIVRD X"), Delivered),
    "a receipt in UTF-16 under data_coding 0": (
        raw(5, 0, 9, SM + b"\x22" + "id:1 stat:DELIVRD".encode("utf-16-be")),
        Delivered,
    ),
    "a receipt that is shorter than its length says": (
        raw(5, 0, 9, SM + b"\x50id:1 stat:DELIVRD"),
        Delivered,
    ),
    "a receipt with half a TLV": (raw(5, 0, 9, SM + b"\x00\x00\x1e\x00\x09abc"), Delivered),
    "a receipt with its status set": (raw(5, 0x45, 9, SM + b"\x00"), Delivered),
    "a receipt under the number 0": (raw(5, 0, 0, SM + b"\x00"), Delivered),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_known_oddities_are_understood(name: str) -> None:
    octets, meant = ODDITIES[name]
    for chunks in ([octets], [octets[at : at + 1] for at in range(len(octets))]):
        (event,), _ = hear(chunks)
        assert isinstance(event, meant)
