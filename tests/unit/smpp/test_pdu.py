"""The codec: recorded octets, the layouts' edges, and what careless peers send."""

from collections.abc import Callable
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp import pdu as wire
from tidings.connectors.smpp.codes import Command, Tlv
from tidings.connectors.smpp.pdu import (
    BadPdu,
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Other,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    decode,
    encode,
)

octet = st.integers(0, 255)
sequence = st.integers(0, 2**32 - 1)
tlvs = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=80), max_size=4)


def text(octets_max: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=octets_max)


def sm(cls: type[Pdu]) -> st.SearchStrategy[Pdu]:
    return st.builds(
        cls,
        sequence=sequence,
        status=sequence,
        service_type=text(5),
        source_addr_ton=octet,
        source_addr_npi=octet,
        source_addr=text(20),
        dest_addr_ton=octet,
        dest_addr_npi=octet,
        destination_addr=text(20),
        esm_class=octet,
        protocol_id=octet,
        priority_flag=octet,
        schedule_delivery_time=text(16),
        validity_period=text(16),
        registered_delivery=octet,
        replace_if_present_flag=octet,
        data_coding=octet,
        sm_default_msg_id=octet,
        short_message=st.binary(max_size=254),
        tlvs=tlvs,
    )


def bind(cls: type[Pdu]) -> st.SearchStrategy[Pdu]:
    return st.builds(
        cls,
        sequence=sequence,
        status=sequence,
        system_id=text(15),
        password=text(8),
        system_type=text(12),
        interface_version=octet,
        addr_ton=octet,
        addr_npi=octet,
        address_range=text(40),
        tlvs=tlvs,
    )


def named(cls: type[Pdu], field: str, octets_max: int) -> st.SearchStrategy[Pdu]:
    body = st.fixed_dictionaries({field: text(octets_max), "tlvs": tlvs}) | st.just({field: None})
    return st.builds(
        lambda head, rest: cls(sequence=head[0], status=head[1], **rest), st.tuples(sequence, sequence), body
    )


data_sm = st.builds(
    DataSm,
    sequence=sequence,
    status=sequence,
    service_type=text(5),
    source_addr_ton=octet,
    source_addr_npi=octet,
    source_addr=text(64),
    dest_addr_ton=octet,
    dest_addr_npi=octet,
    destination_addr=text(64),
    esm_class=octet,
    registered_delivery=octet,
    data_coding=octet,
    tlvs=tlvs,
)
bare = st.sampled_from([EnquireLink, wire.EnquireLinkResp, wire.Unbind, wire.UnbindResp, GenericNack])
unread = st.integers(0, 2**32 - 1).filter(lambda number: number not in wire.LAYOUTS)

PDUS: st.SearchStrategy[Pdu | Other] = st.one_of(
    sm(SubmitSm),
    sm(DeliverSm),
    data_sm,
    *(bind(cls) for cls in (wire.BindReceiver, wire.BindTransmitter, BindTransceiver)),
    *(named(cls, "message_id", 64) for cls in (SubmitSmResp, DeliverSmResp, wire.DataSmResp)),
    *(
        named(cls, "system_id", 15)
        for cls in (wire.BindReceiverResp, wire.BindTransmitterResp, BindTransceiverResp)
    ),
    st.builds(lambda cls, number, status: cls(number, status), bare, sequence, sequence),
    st.builds(Other, unread, sequence, sequence, st.binary(max_size=100)),
)


@given(PDUS)
def test_every_pdu_comes_back_as_it_was(pdu: Pdu | Other) -> None:
    frame = encode(pdu)
    assert decode(frame) == pdu
    assert encode(decode(frame)) == frame


@given(st.sampled_from(sorted(wire.LAYOUTS)) | unread, sequence, sequence, st.binary(max_size=200))
def test_any_body_is_a_pdu_or_a_bad_pdu(command_id: int, status: int, number: int, body: bytes) -> None:
    frame = pack(">IIII", 16 + len(body), command_id, status, number) + body
    try:
        pdu = decode(frame)
    except BadPdu as bad:
        assert bad.header == (len(frame), command_id, status, number)
        assert not command_id & 0x8000_0000, "a response is never unreadable"
    else:
        assert (pdu.command_id, pdu.status, pdu.sequence) == (command_id, status, number)


# Octets laid out by hand from the specification's tables, so that an error the codec makes both ways is seen.
SUBMIT = bytes.fromhex(
    "0000004600000004000000000000002a"  # 70 octets, submit_sm, 42
    "00"  # service_type
    "0500" + b"Tidings".hex() + "00"  # source: alphanumeric
    "0101" + b"380501234567".hex() + "00"  # destination: international
    "40" + "00" + "00"  # esm_class, protocol_id, priority_flag
    "00"  # schedule_delivery_time
    "00"  # validity_period
    "01" + "00" + "08" + "00"  # registered_delivery, replace, data_coding, default message
    "0a" + "0500030a0201" + "04220435"  # sm_length, UDH, text
    "02040002" + "1234"  # user_message_reference
)


def test_a_submit_sm_reads_as_the_specification_lays_it_out() -> None:
    frame = pack(">I", len(SUBMIT)) + SUBMIT[4:]
    assert decode(frame) == SubmitSm(
        sequence=42,
        source_addr_ton=5,
        source_addr="Tidings",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="380501234567",
        esm_class=0x40,
        registered_delivery=1,
        data_coding=8,
        short_message=bytes.fromhex("0500030a0201" + "04220435"),
        tlvs={Tlv.USER_MESSAGE_REFERENCE: b"\x12\x34"},
    )
    assert encode(decode(frame)) == frame


def test_a_bind_reads_as_the_specification_lays_it_out() -> None:
    body = b"user\0secret\0type\0\x34\x01\x02range\0"
    frame = pack(">IIII", 16 + len(body), 9, 0, 1) + body
    bind = BindTransceiver(
        sequence=1,
        system_id="user",
        password="secret",
        system_type="type",
        interface_version=0x34,
        addr_ton=1,
        addr_npi=2,
        address_range="range",
    )
    assert decode(frame) == bind
    assert encode(bind) == frame
    assert "secret" not in repr(bind)


def test_a_data_sm_reads_as_the_specification_lays_it_out() -> None:
    body = b"\0\x01\x01380501234567\0\x05\x00Tidings\0\x04\x00\x00" + pack(">HH", 0x427, 1) + b"\x02"
    frame = pack(">IIII", 16 + len(body), 0x103, 0, 5) + body
    assert decode(frame) == DataSm(
        sequence=5,
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="380501234567",
        dest_addr_ton=5,
        destination_addr="Tidings",
        esm_class=4,
        tlvs={Tlv.MESSAGE_STATE: b"\x02"},
    )


def test_a_bind_response_tells_the_peers_version() -> None:
    frame = pack(">IIII", 26, 0x8000_0009, 0, 1) + b"SMSC\0" + pack(">HH", 0x210, 1) + b"\x34"
    assert decode(frame) == BindTransceiverResp(
        sequence=1, system_id="SMSC", tlvs={Tlv.SC_INTERFACE_VERSION: b"\x34"}
    )


# Written by another implementation (python-smpplib 2.2.4), so that neither side's habits decide alone.
FOREIGN = {
    "bind_transceiver": (
        "0000002300000009000000000000000675736572007365637265740074003401017800",
        BindTransceiver(
            sequence=6,
            system_id="user",
            password="secret",
            system_type="t",
            addr_ton=1,
            addr_npi=1,
            address_range="x",
        ),
    ),
    "submit_sm": (
        "0000004f000000040000000000000007000500546964696e6773000101333830353031323334353637004000000030303030"
        "3031303030303030303030520001000000" + "0568656c6c6f02040002004d",
        SubmitSm(
            sequence=7,
            source_addr_ton=5,
            source_addr="Tidings",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="380501234567",
            esm_class=0x40,
            validity_period="000001000000000R",
            registered_delivery=1,
            short_message=b"hello",
            tlvs={Tlv.USER_MESSAGE_REFERENCE: b"\x00\x4d"},
        ),
    ),
    "deliver_sm": (
        "00000052000000050000000000000008000100333830353031323334353637000500546964696e6773000400000000000000"
        "001169643a3120737461743a44454c495652440427000102001e000461626300",
        DeliverSm(
            sequence=8,
            source_addr_ton=1,
            source_addr="380501234567",
            dest_addr_ton=5,
            destination_addr="Tidings",
            esm_class=4,
            short_message=b"id:1 stat:DELIVRD",
            tlvs={Tlv.MESSAGE_STATE: b"\x02", Tlv.RECEIPTED_MESSAGE_ID: b"abc\0"},
        ),
    ),
    "submit_sm_resp": ("00000014800000040000000000000008782d3100", SubmitSmResp(8, message_id="x-1")),
    "deliver_sm_resp": ("0000001180000005000000000000000800", DeliverSmResp(8)),
    "enquire_link": ("00000010000000150000000000000009", EnquireLink(9)),
    "unbind": ("0000001000000006000000000000000a", wire.Unbind(10)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_another_implementations_octets_are_read_and_written_alike(name: str) -> None:
    octets, pdu = FOREIGN[name]
    assert decode(bytes.fromhex(octets)) == pdu
    assert encode(pdu) == bytes.fromhex(octets)


def response(command: Command, status: int, body: bytes) -> bytes:
    return pack(">IIII", 16 + len(body), command, status, 7) + body


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (response(Command.SUBMIT_SM_RESP, 0x0B, b""), SubmitSmResp(7, 0x0B, None)),
        (response(Command.SUBMIT_SM_RESP, 0, b""), SubmitSmResp(7, 0, None)),
        (response(Command.SUBMIT_SM_RESP, 0, b"\0"), SubmitSmResp(7, 0, "")),
        (response(Command.SUBMIT_SM_RESP, 0, b"ab12"), SubmitSmResp(7, 0, "ab12")),
        (response(Command.SUBMIT_SM_RESP, 0, b"\xff\xfe\0"), SubmitSmResp(7, 0, "\xff\xfe")),
        (response(Command.SUBMIT_SM_RESP, 0, b"x" * 90 + b"\0"), SubmitSmResp(7, 0, "x" * 90)),
        (response(Command.BIND_TRANSCEIVER_RESP, 0x0D, b""), BindTransceiverResp(7, 0x0D, None)),
        (response(Command.ENQUIRE_LINK_RESP, 0, b"junk"), wire.EnquireLinkResp(7, 0)),
        (response(Command.DELIVER_SM_RESP, 0, b"\0\x02\x04"), DeliverSmResp(7, 0, "")),
        (
            response(Command.SUBMIT_SM_RESP, 0, b"1\0\x04\x20\x00\x05ab"),
            SubmitSmResp(7, 0, "1", {0x420: b"ab"}),
        ),
        (
            response(Command.SUBMIT_SM_RESP, 0, b"1\0\x14\x00\x00\x01a\x14\x00\x00\x01b"),
            SubmitSmResp(7, 0, "1", {0x1400: b"a"}),
        ),
    ],
    ids=[
        "error without a body",
        "success without a body",
        "empty id",
        "no final NUL",
        "an id of odd octets",
        "an id longer than the specification allows",
        "refused bind without a body",
        "a body where none belongs",
        "half a TLV",
        "a TLV that runs over the end",
        "a TLV twice",
    ],
)
def test_careless_responses_are_read(frame: bytes, expected: Pdu) -> None:
    assert decode(frame) == expected


def test_a_short_message_that_is_shorter_than_its_length_is_read() -> None:
    frame = encode(DeliverSm(sequence=3, short_message=b"id:1 stat:DELIVRD"))
    decoded = decode(frame[:-4])
    assert isinstance(decoded, DeliverSm) and decoded.short_message == b"id:1 stat:DEL"


@pytest.mark.parametrize("cls", [SubmitSm, DeliverSm, DataSm, BindTransceiver])
def test_a_request_without_its_mandatory_octets_is_a_bad_pdu(cls: Callable[..., Pdu]) -> None:
    whole = encode(cls(sequence=9))
    with pytest.raises(BadPdu) as bad:
        decode(whole[:20])
    assert bad.value.header.sequence == 9


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(source_addr="x" * 21),
        SubmitSm(destination_addr="38050\x001234567"),
        SubmitSm(source_addr="Тест"),
        SubmitSm(short_message=b"x" * 255),
        SubmitSm(data_coding=256),
        SubmitSm(data_coding=-1),
        SubmitSm(tlvs={1: b"x" * 65_536}),
        SubmitSm(tlvs={65_536: b""}),
        BindTransceiver(password="ninechars"),
        BindTransceiver(system_id="x" * 16),
        SubmitSmResp(message_id="x" * 65),
    ],
)
def test_what_does_not_fit_the_wire_is_refused_before_it_gets_there(pdu: Pdu) -> None:
    with pytest.raises(ValueError):
        encode(pdu)


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(source_addr="x" * 20, validity_period="0" * 16, short_message=b"x" * 254),
        BindTransceiver(
            system_id="x" * 15, password="8letters", system_type="x" * 12, address_range="x" * 40
        ),
        SubmitSmResp(message_id="x" * 64),
        DataSm(source_addr="x" * 64),
    ],
)
def test_what_just_fits_the_wire_is_taken(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == pdu


def test_a_message_never_shows_its_text_or_addresses() -> None:
    for cls in (SubmitSm, DeliverSm):
        shown = repr(cls(source_addr="380501234567", short_message=b"a secret"))
        assert "secret" not in shown and "3805" not in shown
    assert "3805" not in repr(DataSm(source_addr="380501234567"))
