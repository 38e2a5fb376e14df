"""From a PDU to a Receipt: what is one, and what it says."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.codes import Tlv
from tidings.connectors.smpp.pdu import DataSm, DeliverSm
from tidings.connectors.smpp.receipts import Reading, disagrees, read_receipt
from tidings.connectors.smpp.words import ReceiptClass, Trust
from tidings.domain.reason import Reason
from tidings.domain.receipt import Receipt, Said
from tidings.domain.status import Confirmation, State

NOW = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
HANDSET = Reading(Trust(ReceiptClass.HANDSET))
MAP = Reading(Trust(ReceiptClass.HANDSET, err_is_map=True))
GUESSING = Reading(Trust(ReceiptClass.HANDSET), guess=True)
BODY = b"id:7 sub:001 dlvrd:001 submit date:2605171100 done date:2605171130 stat:DELIVRD err:000 text:hi"


def deliver(body: bytes = BODY, *, esm_class: int = 4, tlvs: dict[int, bytes] | None = None) -> DeliverSm:
    return DeliverSm(
        source_addr="380501234567",
        destination_addr="Tidings",
        esm_class=esm_class,
        short_message=body,
        tlvs=tlvs or {},
    )


def read(pdu: DeliverSm | DataSm, reading: Reading = HANDSET) -> Receipt:
    receipt = read_receipt(pdu, b"raw", reading, now=NOW)
    assert receipt is not None
    return receipt


def test_a_receipt_says_everything_it_holds() -> None:
    assert read(deliver()) == Receipt(
        upstream_id="7",
        said=Said(
            state=State.DELIVERED,
            word="DELIVRD",
            confirmation=Confirmation.HANDSET,
            error_code="000",
            submitted_at=datetime(2026, 5, 17, 11, 0, tzinfo=UTC),
            done_at=datetime(2026, 5, 17, 11, 30, tzinfo=UTC),
        ),
        recipient="380501234567",
        sender="Tidings",
        raw=b"raw",
        text="hi",
    )


@pytest.mark.parametrize(
    ("stat", "state", "differs"),
    [
        (b"stat:DELIVRD", 2, False),
        (b"stat:delivered", 2, False),
        (b"stat:BUFFRED", 1, False),
        (b"stat:DELIVRD", 5, True),
        (b"stat:UNDELIV", 2, True),
        (b"stat:WEIRDST", 2, True),
        (b"stat:DELIVRD", 77, False),  # a number that nobody knows says nothing
        (b"stat:DELIVRD", None, False),
        (b"", 2, False),  # what the text leaves out, the TLV fills in
    ],
)
def test_a_text_and_a_tlv_that_say_different_things_are_told_and_the_text_is_believed(
    stat: bytes, state: int | None, differs: bool
) -> None:
    pdu = deliver(b"id:7 " + stat, tlvs={} if state is None else {Tlv.MESSAGE_STATE: bytes([state])})
    assert disagrees(pdu, read(pdu).said.word) == differs
    if stat:
        assert read(pdu).said.word == stat.decode().removeprefix("stat:")


@pytest.mark.parametrize("esm_class", [0x04, 0x44, 0x07, 0xC4])
def test_flagged_messages_are_final_receipts(esm_class: int) -> None:
    assert not read(deliver(esm_class=esm_class)).said.intermediate


@pytest.mark.parametrize("esm_class", [0x20, 0x24, 0x60])
def test_intermediate_wins_over_final(esm_class: int) -> None:
    receipt = read(deliver(b"id:7 stat:UNDELIV err:006", esm_class=esm_class), MAP)
    assert receipt.said.intermediate
    assert (receipt.said.state, receipt.said.reason) == (State.ENROUTE, Reason.ABSENT_SUBSCRIBER_SM)


@pytest.mark.parametrize("esm_class", [0x00, 0x40, 0x03, 0x08, 0x10, 0x18])
@pytest.mark.parametrize("reading", [HANDSET, MAP])
def test_unflagged_messages_are_no_receipts_however_they_look(esm_class: int, reading: Reading) -> None:
    assert read_receipt(deliver(esm_class=esm_class), b"", reading, now=NOW) is None


@pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18])
def test_a_handsets_own_acknowledgement_is_never_a_receipt(esm_class: int) -> None:
    pdu = deliver(esm_class=esm_class, tlvs={Tlv.RECEIPTED_MESSAGE_ID: b"7"})
    assert read_receipt(pdu, b"", GUESSING, now=NOW) is None


def test_a_receipted_message_id_makes_a_receipt_of_an_unflagged_message() -> None:
    assert read(deliver(esm_class=0, tlvs={Tlv.RECEIPTED_MESSAGE_ID: b"x7\0"})).upstream_id == "x7"


def test_looks_make_a_receipt_only_where_the_operator_says_so() -> None:
    assert read(deliver(esm_class=0), GUESSING).said.state is State.DELIVERED


@pytest.mark.parametrize(
    "body",
    [
        b"order id: 5 was shipped",
        b"Your id:5 stat:great",
        b"id:5 stat:DELIVRD",
        b"Re: id:7 sub:001 dlvrd:001 stat:DELIVRD err:000",
        b"sub:001 id:7 dlvrd:001 stat:DELIVRD err:000",
        b"id:7 sub:001 dlvrd:001 stat:SPLENDID err:000",
    ],
)
@pytest.mark.parametrize("reading", [HANDSET, GUESSING])
def test_what_a_subscriber_may_type_is_no_receipt(body: bytes, reading: Reading) -> None:
    assert read_receipt(deliver(body, esm_class=0), b"", reading, now=NOW) is None


def test_the_tlvs_id_comes_before_the_texts_and_the_texts_word_before_the_tlvs() -> None:
    tlvs = {Tlv.RECEIPTED_MESSAGE_ID: b"38601fa\0", Tlv.MESSAGE_STATE: b"\x05"}
    receipt = read(deliver(b"id:0059113978 stat:DELIVRD", tlvs=tlvs))
    assert (receipt.upstream_id, receipt.said.word) == ("38601fa", "DELIVRD")


@pytest.mark.parametrize(
    ("told", "upstream_id"),
    [(b"38601fa", "38601fa"), (b"a\0b", "a"), (b"\0", "7"), (b"", "7"), (b"x" * 256, "7"), (b" 9 \0", "9")],
)
def test_the_tlvs_id_may_lack_its_nul_or_say_nothing(told: bytes, upstream_id: str) -> None:
    assert read(deliver(tlvs={Tlv.RECEIPTED_MESSAGE_ID: told})).upstream_id == upstream_id


@pytest.mark.parametrize(
    ("number", "word", "state"),
    [
        (0, "SCHEDLD", State.ENROUTE),
        (1, "ENROUTE", State.ENROUTE),
        (2, "DELIVRD", State.DELIVERED),
        (3, "EXPIRED", State.EXPIRED),
        (4, "DELETED", State.CANCELLED),
        (5, "UNDELIV", State.UNDELIVERABLE),
        (6, "ACCEPTD", State.AT_CARRIER),
        (7, "UNKNOWN", None),
        (8, "REJECTD", State.REJECTED),
        (9, "SKIPPED", State.CANCELLED),
        (10, "10", None),
        (50, "50", None),
    ],
)
def test_the_state_tlv_fills_in_for_a_missing_word(number: int, word: str, state: State | None) -> None:
    receipt = read(
        DataSm(esm_class=4, tlvs={Tlv.RECEIPTED_MESSAGE_ID: b"7", Tlv.MESSAGE_STATE: bytes([number])})
    )
    assert (receipt.said.word, receipt.said.state) == (word, state)


def test_the_body_may_come_in_the_payload() -> None:
    assert read(deliver(b"", tlvs={Tlv.MESSAGE_PAYLOAD: BODY})).upstream_id == "7"
    assert read(DataSm(esm_class=4, tlvs={Tlv.MESSAGE_PAYLOAD: BODY})).said.word == "DELIVRD"


@pytest.mark.parametrize(
    ("err", "code", "told"),
    [
        (b" err:000", b"\x03\x00\x06", "6"),
        (b" err:011", b"\x03\x00\x06", "011"),
        (b"", b"\x03\x01\x00", "256"),
        (b"", b"006", "006"),
        (b" err:000", b"\x03\x00\x00", "000"),
        (b" err:000", b"\x03", "000"),
        (b" err:000", b"", "000"),
        (b"", b"", None),
        (b" err:" + b"9" * 200, b"", "9" * 32),
    ],
)
def test_the_error_tlv_fills_in_for_an_error_that_says_nothing(
    err: bytes, code: bytes, told: str | None
) -> None:
    tlvs = {Tlv.NETWORK_ERROR_CODE: code} if code else {}
    assert read(deliver(b"id:7 stat:UNDELIV" + err, tlvs=tlvs)).said.error_code == told


def test_a_receipt_without_any_id_is_kept_for_a_person_to_see() -> None:
    receipt = read(deliver(b"\x00\x01\x02"))
    assert (receipt.upstream_id, receipt.said.state, receipt.said.word) == (None, None, "")


@pytest.mark.parametrize(
    ("submitted", "done", "told"),
    [
        ("2605171100", "2605171130", True),
        ("2605171100", "2605171046", True),
        ("2605171100", "2605171044", False),
        ("2605171100", "2605171214", True),
        ("2605171100", "2605171216", False),
        ("NULL", "2605171130", True),
        ("2605171100", "000000000000", False),
    ],
)
def test_a_time_that_cannot_be_is_absent(submitted: str, done: str, told: bool) -> None:
    body = f"id:7 submit date:{submitted} done date:{done} stat:DELIVRD"
    assert (read(deliver(body.encode())).said.done_at is not None) == told


def test_times_are_in_the_carriers_zone() -> None:
    eastern = Reading(Trust(ReceiptClass.HANDSET), offset_minutes=180)
    body = b"id:7 submit date:2605171400 done date:2605171430 stat:DELIVRD"
    assert read(deliver(body), eastern).said.done_at == datetime(2026, 5, 17, 11, 30, tzinfo=UTC)


pdus = st.builds(
    DeliverSm,
    source_addr=st.text(st.characters(max_codepoint=255), max_size=300),
    destination_addr=st.text(st.characters(max_codepoint=255), max_size=300),
    esm_class=st.integers(0, 255),
    short_message=st.binary(max_size=254) | st.just(BODY) | st.just(BODY.decode().encode("utf-16-be")),
    tlvs=st.dictionaries(st.sampled_from([0x1E, 0x427, 0x423, 0x424, 0x204]), st.binary(max_size=300)),
)


@given(pdus, st.sampled_from([HANDSET, MAP, GUESSING]))
def test_anything_becomes_a_bounded_receipt_or_none(pdu: DeliverSm, reading: Reading) -> None:
    receipt = read_receipt(pdu, b"raw", reading, now=NOW)
    if receipt is None:
        return
    assert len(receipt.fingerprint()) == 8
    for told in (receipt.upstream_id, receipt.said.word, receipt.said.error_code, receipt.text):
        assert told is None or (len(told) <= 255 and "\0" not in told)
    body = (pdu.short_message or pdu.tlvs.get(Tlv.MESSAGE_PAYLOAD, b"")).replace(b"\0", b"").upper()
    said = b"DELIV" in body or pdu.tlvs.get(Tlv.MESSAGE_STATE, b"")[:1] == b"\x02"
    assert said or receipt.said.state is not State.DELIVERED, "delivered is never made up"
