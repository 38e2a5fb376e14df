"""What a client posted, whatever it called it: JSON first, then a form; and single members out of it.

The known clients disagree about Content-Type: JSON text travels as `text/json`, as `application/json`, and as
`multipart/form-data` without a boundary. So the header decides nothing unless the body is not JSON. Optional
members come as `null` or `""` when they are not meant, numbers as strings, switches as 0, 1, "0" and "1".
"""

import re
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl

import msgspec

from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.words import Code, Problem

Payload = dict[str, object]

_BOM = b"\xef\xbb\xbf"
_MAX_FIELDS = 50
# More than any list of recipients needs; every value of a JSON text but the first follows one of these.
_COMMAS_PER_ROW = 100
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
_FLAGS: dict[object, bool] = {True: True, False: False, "1": True, "0": False, "true": True, "false": False}


def decode(body: bytes, content_type: str, settings: Settings) -> Payload:
    """The one object a request is made of; an array of one object is that object. Raises Problem 24."""
    body = body.removeprefix(_BOM).strip()
    found = _json(body, settings) if body[:1] in {b"{", b"["} else _form(body, content_type, settings)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise Problem(Code.BAD_PAYLOAD)
    return found


def _json(body: bytes, settings: Settings) -> object:
    if body.count(b",") > _COMMAS_PER_ROW * (settings.max_rows + 10):
        raise Problem(Code.BAD_PAYLOAD)
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Problem(Code.BAD_PAYLOAD) from None


def _form(body: bytes, content_type: str, settings: Settings) -> object:
    if len(body) > settings.max_form_bytes:
        raise Problem(Code.BAD_PAYLOAD)
    try:
        if content_type.lower().startswith("multipart/"):
            return _multipart(body, content_type)
        return _urlencoded(body.decode())
    except (ValueError, LookupError, RecursionError):
        raise Problem(Code.BAD_PAYLOAD) from None


def _urlencoded(body: str) -> Payload:
    if "=" not in body:
        raise ValueError("not a form")
    return dict(parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS))


def _multipart(body: bytes, content_type: str) -> Payload:
    """The plain fields of a form; a ValueError if the parts cannot be told apart."""
    header = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    parts = BytesParser().parsebytes(header + body).get_payload()
    if not isinstance(parts, list) or len(parts) > _MAX_FIELDS:
        raise ValueError("not a form")
    return dict(_field(part) for part in parts)


def _field(part: object) -> tuple[str, object]:
    assert isinstance(part, Message)
    octets = part.get_payload(decode=True)
    name = part.get_param("name", header="content-disposition")
    if not isinstance(octets, bytes) or not isinstance(name, str):
        raise ValueError("not a field")
    return name, octets.decode()


def given(payload: Payload, member: str) -> object:
    """A member's value; None where it is absent, which `null` and an empty string mean as well."""
    value = payload.get(member)
    return None if value == "" else value


def text(value: object) -> str | None:
    """A string, or a whole number that stands for one; None for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """A whole number of up to nine digits, also as a string; None for anything else."""
    spelled = text(value)
    return int(spelled) if spelled is not None and _WHOLE.fullmatch(spelled.strip()) else None


def flag(payload: Payload, member: str) -> bool:
    """A switch, off where it is not given. Raises Problem 7."""
    value = given(payload, member)
    if value is None:
        return False
    known = (
        _FLAGS.get(value.lower() if isinstance(value, str) else value)
        if isinstance(value, str | int)
        else None
    )
    if known is None:
        raise Problem(Code.BAD_PARAMETER, member)
    return known
