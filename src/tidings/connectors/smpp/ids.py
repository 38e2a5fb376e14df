"""How the id in a receipt finds the id in the response, where a carrier spells them differently.

A response's id is stored under one canonical key; a receipt's id is looked up under at most two: as if it
were spelled like the response, then as the connector's setting says. No id is ever tried under every
base: decimal 12345678 is also the hexadecimal spelling of 305419896, a plausible id of somebody else's
message.
"""

import re
from enum import StrEnum

_HEX = re.compile(r"[0-9A-Fa-f]{1,32}")
_DECIMAL = re.compile(r"[0-9]{1,40}")


class IdForm(StrEnum):
    """How a carrier spells one id in its response and in its receipt."""

    EXACT = "exact"
    RESP_HEX_RECEIPT_DEC = "resp_hex_receipt_dec"
    RESP_DEC_RECEIPT_HEX = "resp_dec_receipt_hex"
    STRIP_ZEROS = "strip_zeros"


def stored_key(response_id: str, id_form: IdForm) -> str:
    """The key to store a submission under, from the id in its response. Letter case never matters."""
    match id_form:
        case IdForm.EXACT:
            return response_id.casefold()
        case IdForm.RESP_HEX_RECEIPT_DEC:
            return _hexadecimal(response_id) or response_id.casefold()
        case IdForm.RESP_DEC_RECEIPT_HEX | IdForm.STRIP_ZEROS:
            return _decimal(response_id) or response_id.casefold()


def lookup_keys(receipt_id: str, id_form: IdForm) -> list[str]:
    """The keys to look a receipt's id up under, the surest first. A hit must still have the same destination.

    The first takes the receipt's spelling for the response's: where receipts carry the id twice, the TLV
    often has the response's form whatever the text has.
    """
    if id_form is IdForm.EXACT:
        return [receipt_id.casefold()]
    keys = [stored_key(receipt_id, id_form)]
    if id_form is IdForm.RESP_HEX_RECEIPT_DEC:
        keys.append(_decimal(receipt_id) or keys[0])
    if id_form is IdForm.RESP_DEC_RECEIPT_HEX:
        keys.append(_hexadecimal(receipt_id) or keys[0])
    return list(dict.fromkeys(keys))


def suspect_keys(receipt_id: str, id_form: IdForm) -> dict[str, str]:
    """Keys that only the other id forms would look a receipt's id up under, and the form of each.

    A hit is no proof: it takes the one submission to the same destination, and is flagged.
    """
    known = set(lookup_keys(receipt_id, id_form))
    found: dict[str, str] = {}
    for form, response_id in _spellings(receipt_id):
        key = stored_key(response_id, id_form)
        if form is not id_form and key not in known:
            found.setdefault(key, str(form))
    return found


def _spellings(receipt_id: str) -> list[tuple[IdForm, str]]:
    """How the response would have spelled a receipt's id, under each form."""
    spellings = [(IdForm.EXACT, receipt_id)]
    if _DECIMAL.fullmatch(receipt_id):
        spellings.append((IdForm.RESP_HEX_RECEIPT_DEC, format(int(receipt_id), "x")))
        spellings.append((IdForm.STRIP_ZEROS, receipt_id.lstrip("0") or "0"))
    if _HEX.fullmatch(receipt_id):
        spellings.append((IdForm.RESP_DEC_RECEIPT_HEX, str(int(receipt_id, 16))))
    return spellings


def _hexadecimal(written: str) -> str | None:
    return str(int(written, 16)) if _HEX.fullmatch(written) else None


def _decimal(written: str) -> str | None:
    return str(int(written)) if _DECIMAL.fullmatch(written) else None
