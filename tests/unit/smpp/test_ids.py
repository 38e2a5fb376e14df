"""Ids that response and receipt spell differently find each other, and only each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.ids import IdForm, lookup_keys, stored_key

HEX_DEC = IdForm.RESP_HEX_RECEIPT_DEC
DEC_HEX = IdForm.RESP_DEC_RECEIPT_HEX


@pytest.mark.parametrize(
    ("form", "response", "receipt"),
    [
        (IdForm.EXACT, "0e999f21-aB", "0e999f21-aB"),
        (IdForm.EXACT, "0E999F21-AB", "0e999f21-ab"),
        (HEX_DEC, "38601fa", "0059113978"),
        (HEX_DEC, "38601FA", "38601fa"),
        (HEX_DEC, "812FC7470000001B", "9308878062554710043"),
        (HEX_DEC, "39f99dd5", "0972660181"),
        (HEX_DEC, "0118Z-57DGB", "0118z-57dgb"),
        (DEC_HEX, "0972660181", "39F99DD5"),
        (DEC_HEX, "972660181", "0972660181"),
        (DEC_HEX, "9308878062554710043", "812fc7470000001b"),
        (IdForm.STRIP_ZEROS, "04062581461565934000241", "4062581461565934000241"),
        (IdForm.STRIP_ZEROS, "4062581461565934000241", "04062581461565934000241"),
        (IdForm.STRIP_ZEROS, "0e999f21", "0E999F21"),
        (IdForm.STRIP_ZEROS, "000", "0"),
    ],
)
def test_the_receipts_spelling_finds_the_response(form: IdForm, response: str, receipt: str) -> None:
    assert stored_key(response, form) in lookup_keys(receipt, form)


@pytest.mark.parametrize(
    ("form", "response", "receipt"),
    [
        (IdForm.EXACT, "38601fa", "0059113978"),
        (IdForm.EXACT, "0123", "123"),
        (IdForm.STRIP_ZEROS, "0e999f21", "e999f21"),
        (IdForm.STRIP_ZEROS, "38601fa", "59113978"),
        (HEX_DEC, "0059113978", "38601fa"),
    ],
)
def test_spellings_that_the_setting_does_not_name_stay_apart(
    form: IdForm, response: str, receipt: str
) -> None:
    assert stored_key(response, form) not in lookup_keys(receipt, form)


def test_the_responses_own_spelling_is_tried_before_the_configured_one() -> None:
    assert lookup_keys("12345678", HEX_DEC) == [stored_key("12345678", HEX_DEC), "12345678"]


@given(st.text(max_size=70), st.sampled_from(list(IdForm)))
def test_an_id_always_finds_itself(written: str, form: IdForm) -> None:
    assert stored_key(written, form) in lookup_keys(written, form)
    assert stored_key(written, form) in lookup_keys(written.upper().lower(), form) or not written.isascii()
    assert 1 <= len(lookup_keys(written, form)) <= 2
