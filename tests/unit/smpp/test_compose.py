"""From a part to a submit_sm: addresses, alphabets, validity."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.address import Address, destination, source
from tidings.connectors.smpp.compose import compose
from tidings.connectors.smpp.config import SmppConfig, read_config
from tidings.connectors.smpp.pdu import SubmitSm, decode, encode
from tidings.domain.text import Alphabet, decode_gsm, segment
from tidings.flows.ports import Outgoing

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def config(**settings: Any) -> SmppConfig:
    given_: dict[str, Any] = {
        "host": "h",
        "port": 1,
        "system_id": "s",
        "password": "p",
        "receipt_class": "handset",
    }
    return read_config(given_ | settings)


def part(**fields: Any) -> Outgoing:
    usual: dict[str, Any] = {
        "submission_id": 1,
        "recipient": "380501234567",
        "sender": "Tidings",
        "alphabet": Alphabet.GSM7,
        "text": "hello",
        "part": 1,
        "parts": 1,
        "reference": 1,
        "validity_s": 3600,
    }
    return Outgoing(**usual | fields)


def composed(settings: SmppConfig | None = None, **fields: Any) -> SubmitSm:
    return compose(part(**fields), settings or config(), now=NOW)


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("Tidings", Address(5, 0, "Tidings")),
        ("My Shop 24", Address(5, 0, "My Shop 24")),
        ("+My", Address(5, 0, "+My")),
        ("12345", Address(3, 0, "12345")),
        ("12345678", Address(3, 0, "12345678")),
        ("123456789", Address(1, 1, "123456789")),
        ("380501234567", Address(1, 1, "380501234567")),
        ("+380501234567", Address(1, 1, "380501234567")),
        ("١٢٣", Address(5, 0, "١٢٣")),
    ],
)
def test_a_sender_is_what_it_is_made_of(sender: str, address: Address) -> None:
    assert source(sender) == address


def test_a_carrier_may_want_other_numbers_for_the_same_address() -> None:
    assert source("Tidings", npi=1) == Address(5, 1, "Tidings")
    assert source("12345", ton=0) == Address(0, 0, "12345")
    assert destination("+380501234567") == Address(1, 1, "380501234567")
    assert destination("380501234567", ton=2, npi=0) == Address(2, 0, "380501234567")
    submit = composed(config(source_ton=6, source_npi=8, dest_ton=0, dest_npi=0))
    assert (submit.source_addr_ton, submit.source_addr_npi) == (6, 8)
    assert (submit.dest_addr_ton, submit.dest_addr_npi) == (0, 0)


@pytest.mark.parametrize(
    ("alphabet", "flash", "data_coding", "octets"),
    [
        (Alphabet.GSM7, False, 0x00, b"\x00\x1be"),
        (Alphabet.GSM7, True, 0x10, b"\x00\x1be"),
        (Alphabet.UCS2, False, 0x08, b"\x00@\x20\xac"),
        (Alphabet.UCS2, True, 0x18, b"\x00@\x20\xac"),
    ],
)
def test_the_text_is_carried_in_its_alphabet(
    alphabet: Alphabet, flash: bool, data_coding: int, octets: bytes
) -> None:
    submit = composed(alphabet=alphabet, flash=flash, text="@€")
    assert (submit.data_coding, submit.short_message, submit.esm_class) == (data_coding, octets, 0)


def test_a_carriers_default_alphabet_may_be_latin1() -> None:
    latin = config(gsm_alphabet="latin1")
    assert composed(latin, text="@é").short_message == b"@\xe9"
    with pytest.raises(ValueError):
        composed(latin, text="€")


@given(st.text(min_size=1, max_size=800))
def test_every_part_of_every_text_fits_and_reads_back(text: str) -> None:
    alphabet, texts = segment(text)
    for number, one in enumerate(texts, 1):
        submit = composed(alphabet=alphabet, text=one, part=number, parts=len(texts), reference=255)
        assert decode(encode(submit)) == submit
        header = 6 if len(texts) > 1 else 0
        assert submit.short_message[:header] == bytes((5, 0, 3, 255, len(texts), number))[:header]
        assert len(submit.short_message) <= (160 if alphabet is Alphabet.GSM7 else 140)
        if alphabet is Alphabet.GSM7:
            assert decode_gsm(submit.short_message[header:]) == one


@pytest.mark.parametrize(
    ("left_s", "relative", "absolute"),
    [
        (30, "000000000030000R", "261121120030000+"),
        (86_400, "000001000000000R", "261122120000000+"),
        (172_800, "000002000000000R", "261123120000000+"),
        (259_200, "000003000000000R", "261124120000000+"),
        (93_784, "000001020304000R", "261122140304000+"),
        (0, "000000000001000R", "261121120001000+"),
    ],
)
def test_what_is_left_of_the_validity_is_told(left_s: int, relative: str, absolute: str) -> None:
    assert composed(validity_s=left_s).validity_period == relative
    assert composed(config(validity_form="absolute_utc"), validity_s=left_s).validity_period == absolute
    assert composed(config(validity_form="none"), validity_s=left_s).validity_period == ""


def test_a_receipt_is_always_asked_for_and_nothing_else() -> None:
    submit = composed(config(service_type="CMT"))
    assert submit.registered_delivery == 1
    assert submit.service_type == "CMT"
    assert (submit.protocol_id, submit.priority_flag, submit.replace_if_present_flag) == (0, 0, 0)
    assert (submit.schedule_delivery_time, submit.sm_default_msg_id, submit.tlvs) == ("", 0, {})


@pytest.mark.parametrize("sender", ["x" * 21, "Тест", "a\0b"])
def test_a_sender_that_does_not_fit_is_an_error_before_anything_is_sent(sender: str) -> None:
    with pytest.raises(ValueError):
        composed(sender=sender)
