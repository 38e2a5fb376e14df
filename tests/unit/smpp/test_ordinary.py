"""The short ways say what the long ways say, or nothing at all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp import ordinary
from tidings.connectors.smpp.codes import Tlv
from tidings.connectors.smpp.compose import Composer, compose
from tidings.connectors.smpp.config import SmppConfig, read_config
from tidings.connectors.smpp.ordinary_receipts import OrdinaryReceipts
from tidings.connectors.smpp.pdu import (
    BadPdu,
    DeliverSm,
    SubmitSmResp,
    body_of,
    decode,
    encode,
)
from tidings.connectors.smpp.receipts import Reading, disagrees, read_receipt
from tidings.connectors.smpp.words import MESSAGE_STATE, STATES, ReceiptClass, Trust
from tidings.domain.reason import Reason
from tidings.domain.receipt import Receipt
from tidings.domain.text import Alphabet, segment
from tidings.flows.ports import Outgoing, Singles

NOW = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


def mangled(frames: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """These frames, some of them with octets changed, taken out or put in, and the length put right."""

    def change(one: tuple[bytes, int, int, bytes]) -> bytes:
        octets, at, away, instead = one
        at = 4 + at % (len(octets) - 3)
        changed = octets[4:at] + instead + octets[at + away :]
        changed = changed.ljust(12, b"\0")
        return (4 + len(changed)).to_bytes(4) + changed

    changes = st.tuples(frames, st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3)).map(change)
    return frames | changes


# -- submit_sm_resp ------------------------------------------------------------------------------------------------

answers = st.builds(
    SubmitSmResp,
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([0, 0, 0, 0x58]),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=64),
    st.just({}) | st.just({int(Tlv.CONGESTION_STATE): b"\x63"}),
).map(encode)


@given(mangled(answers))
def test_an_answer_that_is_an_id_is_read_as_it_always_is(octets: bytes) -> None:
    upstream_id, pdu = ordinary.only_id(octets), decode(octets)
    if upstream_id is not None and isinstance(pdu, SubmitSmResp):
        assert pdu == SubmitSmResp(pdu.sequence, pdu.status, upstream_id)


@pytest.mark.parametrize("upstream_id", ["1", "AbC-1", "x" * 64, "\xff"])
def test_an_ordinary_answer_goes_the_short_way(upstream_id: str) -> None:
    assert ordinary.only_id(encode(SubmitSmResp(7, message_id=upstream_id))) == upstream_id


@pytest.mark.parametrize(
    "answer",
    [
        SubmitSmResp(7, message_id=""),
        SubmitSmResp(7, message_id=None),
        SubmitSmResp(7, message_id="1", tlvs={int(Tlv.CONGESTION_STATE): b"\x63"}),
    ],
)
def test_any_other_answer_goes_the_long_way(answer: SubmitSmResp) -> None:
    assert ordinary.only_id(encode(answer)) is None


def test_an_id_that_is_longer_than_allowed_goes_the_long_way() -> None:
    assert ordinary.only_id(encode(SubmitSmResp(7, message_id="x" * 64))[:-1] + b"x\0") is None


# -- deliver_sm ----------------------------------------------------------------------------------------------------

octets_of_text = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=16)
usual_texts = st.builds(
    lambda upstream_id, submit, done, stat, err, start: (
        f"id:{upstream_id} sub:001 dlvrd:001 submit date:{submit} done date:{done} stat:{stat} err:{err} text:{start}"
    ).encode("latin-1"),
    st.from_regex(r"[0-9A-Za-z-]{1,20}", fullmatch=True),
    st.sampled_from(["2605171130", "260517113000", "20260517113000", "0000000000", "2605171400", "2013"]),
    st.sampled_from(["2605171130", "260517113000", "20260517113000", "0000000000", "2605171000", "NULL"]),
    st.sampled_from([word for word in STATES if word.isalpha()] + ["WEIRDST", "delivrd"]),
    st.sampled_from(["000", "001", "27", "600", "0", "x1"]),
    st.text(st.characters(min_codepoint=9, max_codepoint=255), max_size=20),
)
receipt_tlvs = st.fixed_dictionaries(
    {},
    optional={
        int(Tlv.RECEIPTED_MESSAGE_ID): st.from_regex(rb"[0-9A-Za-z-]{1,20}\0?", fullmatch=True),
        int(Tlv.MESSAGE_STATE): st.sampled_from([bytes((state,)) for state in (*MESSAGE_STATE, 77)]),
        int(Tlv.NETWORK_ERROR_CODE): st.just(b"\x03\x00\x1b"),
    },
)
deliveries = st.builds(
    DeliverSm,
    st.integers(0, 0xFFFFFFFF),
    source_addr=st.just("380501234567") | octets_of_text,
    destination_addr=st.just("Tidings") | octets_of_text,
    esm_class=st.sampled_from([4, 4, 4, 0, 0x24, 0x44]),
    validity_period=st.sampled_from(["", "000000010000000R"]),
    data_coding=st.sampled_from([0, 3, 8]),
    short_message=usual_texts | st.binary(max_size=200),
    tlvs=receipt_tlvs,
).map(encode)
READINGS = [
    Reading(Trust(ReceiptClass.HANDSET)),
    Reading(
        Trust(ReceiptClass.CARRIER, err_is_map=True, err_table={"600": Reason.CONTENT_BLOCKED}), guess=True
    ),
    Reading(Trust(ReceiptClass.UNTRUSTED, unknown_is_final=True), offset_minutes=-180),
]


@given(mangled(deliveries))
def test_of_a_deliver_sm_is_known_whether_it_can_be_read(octets: bytes) -> None:
    try:
        pdu = decode(octets)
    except BadPdu as bad:
        assert bad.header.command_id != DeliverSm.command_id or not ordinary.is_whole(octets)
    else:
        assert not isinstance(pdu, DeliverSm) or ordinary.is_whole(octets)


def said_the_long_way(octets: bytes, reading: Reading) -> Receipt | None:
    pdu = decode(octets)
    assert isinstance(pdu, DeliverSm)
    receipt = read_receipt(pdu, octets, reading, now=NOW)
    return None if receipt is None or disagrees(pdu, receipt.said.word) else receipt


@given(mangled(deliveries), st.sampled_from(READINGS))
def test_a_receipt_is_read_as_it_always_is(octets: bytes, reading: Reading) -> None:
    receipt = OrdinaryReceipts(reading).read(octets, now=NOW)
    if receipt is not None:
        assert receipt == said_the_long_way(octets, reading)


ORDINARY_TEXT = (
    b"id:5 sub:001 dlvrd:001 submit date:2605171100 done date:2605171130 stat:DELIVRD err:000 text:hi"
)


def ordinary_receipt(**fields: Any) -> bytes:
    given_: dict[str, Any] = {
        "sequence": 9,
        "source_addr": "380501234567",
        "destination_addr": "Tidings",
        "esm_class": 4,
        "short_message": ORDINARY_TEXT,
    }
    return encode(DeliverSm(**given_ | fields))


@pytest.mark.parametrize(
    "tlvs",
    [
        {},
        {Tlv.RECEIPTED_MESSAGE_ID: b"00005\0"},
        {Tlv.MESSAGE_STATE: b"\x02"},
        {Tlv.RECEIPTED_MESSAGE_ID: b"00005\0", Tlv.MESSAGE_STATE: b"\x02"},
    ],
)
def test_an_ordinary_receipt_goes_the_short_way(tlvs: dict[int, bytes]) -> None:
    octets = ordinary_receipt(tlvs=tlvs)
    receipt = OrdinaryReceipts(READINGS[0]).read(octets, now=NOW)
    assert receipt is not None and receipt == said_the_long_way(octets, READINGS[0])


@pytest.mark.parametrize(
    "fields",
    [
        {"esm_class": 0},
        {"esm_class": 0x24},
        {"short_message": ORDINARY_TEXT.lower()},
        {"tlvs": {Tlv.MESSAGE_STATE: b"\x05"}},
        {"tlvs": {Tlv.NETWORK_ERROR_CODE: b"\x03\x00\x1b"}},
        {"tlvs": {Tlv.RECEIPTED_MESSAGE_ID: b"5\x006\0"}},
    ],
)
def test_any_other_receipt_goes_the_long_way(fields: dict[str, Any]) -> None:
    assert OrdinaryReceipts(READINGS[0]).read(ordinary_receipt(**fields), now=NOW) is None


# -- submit_sm -----------------------------------------------------------------------------------------------------


class Clock:
    def now(self) -> datetime:
        return NOW


def config(**settings: Any) -> SmppConfig:
    base = {"host": "h", "port": 1, "system_id": "s", "password": "p", "receipt_class": "handset"}
    return read_config(base | settings)


CONFIGS = [
    config(),
    config(validity_form="absolute_utc", service_type="CMT", source_ton=6, dest_npi=8, gsm_alphabet="latin1"),
    config(validity_form="none"),
]
COMPOSERS = [Composer(one, Clock()) for one in CONFIGS]
outgoing = st.builds(
    Outgoing,
    submission_id=st.just(1),
    recipient=st.sampled_from(
        ["380501234567", "+380501234567", "1", "0" * 20, "0" * 21, "", "٣٨", "x", "1\0"]
    ),
    sender=st.sampled_from(["Tidings", "0", "380501234567", "+380501234567", "é", "Тест", "x" * 21, "a\0b"]),
    alphabet=st.just(Alphabet.GSM7),
    text=st.sampled_from(["hello", "", "[€]", "@é", "x" * 160, "x" * 255]),
    part=st.integers(1, 3),
    parts=st.sampled_from([1, 3]),
    reference=st.integers(1, 255),
    validity_s=st.integers(0, 400_000),
    flash=st.booleans(),
) | st.builds(
    lambda text, flash: Outgoing(
        1, "380501234567", "Tidings", segment(text).alphabet, segment(text).parts[0], 1, 1, 1, 60, flash
    ),
    st.text(min_size=1, max_size=200),
    st.booleans(),
)


@given(outgoing, st.integers(0, len(CONFIGS) - 1))
def test_a_submission_is_composed_as_it_always_is(part: Outgoing, which: int) -> None:
    try:
        composed = body_of(compose(part, CONFIGS[which], now=NOW))
    except ValueError:
        with pytest.raises(ValueError):
            COMPOSERS[which].body(part)
        return
    assert COMPOSERS[which].body(part) == composed


singles = st.builds(
    Singles,
    first_id=st.just(7),
    sender=st.sampled_from(["Tidings", "380501234567", "x" * 21]),
    alphabet=st.sampled_from(Alphabet),
    validity_s=st.integers(0, 400_000),
    flash=st.booleans(),
    recipients=st.lists(
        st.sampled_from(["380501234567", "1", "0" * 20, "0" * 21, "", "٣٨", "+38050"]), min_size=3, max_size=3
    )
    | st.lists(st.from_regex("[0-9]{1,20}", fullmatch=True), min_size=3, max_size=3),
    texts=st.lists(st.sampled_from(["hello", "", "[€]", "x" * 160, "x" * 255]), min_size=3, max_size=3),
)


@given(singles, st.integers(0, len(CONFIGS) - 1))
def test_messages_that_are_composed_together_are_what_each_is_alone(many: Singles, which: int) -> None:
    composer = COMPOSERS[which]
    bodies = composer.bodies(many)
    if bodies is not None:
        assert bodies == [composer.body(part) for part in many]


def test_ordinary_messages_are_composed_together() -> None:
    recipients, texts = ["380501234567", "380501234568"], ["hello", "[€]"]
    many = Singles(7, "Tidings", Alphabet.GSM7, 60, False, recipients, texts)
    assert [(one.submission_id, one.recipient, one.text) for one in many] == [
        (7, recipients[0], texts[0]),
        (8, recipients[1], texts[1]),
    ]
    assert COMPOSERS[0].bodies(many) == [COMPOSERS[0].body(part) for part in many]


@pytest.mark.parametrize("bad", ["", "+380501234567", "0" * 21])
def test_an_unusual_recipient_is_composed_alone(bad: str) -> None:
    many = Singles(7, "Tidings", Alphabet.GSM7, 60, False, ["380501234567", bad], ["hello", "hello"])
    assert COMPOSERS[0].bodies(many) is None


def test_a_carrier_that_refuses_a_form_of_the_validity_is_told_the_other_one() -> None:
    composer, part = Composer(config(), Clock()), Outgoing(1, "1", "Tidings", Alphabet.GSM7, "x", 1, 1, 1, 60)
    before = composer.body(part)
    composer.validity_form = "absolute_utc"
    after = composer.body(part)
    assert before != after == body_of(compose(part, config(), now=NOW, validity_form="absolute_utc"))
