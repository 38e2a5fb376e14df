"""`sms/create`: from what a client posted to an order.

Faults of the request as a whole end it with a code, in an order that the vendor's own test suites fix in
parts: members that are not served, originator, text, list, size, schedule. Faults of one recipient stand in
its row, beside the rows that are taken.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from tidings.dialects.bsg_v1.otp import Draw, fill
from tidings.dialects.bsg_v1.payload import Payload, flag, given, text, whole
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.words import Code, Problem
from tidings.domain import web_address
from tidings.domain.errors import Fault
from tidings.domain.order import (
    NO_EXTRAS,
    Caller,
    Dialect,
    Draft,
    Extras,
    OnFault,
    Order,
    PlainOrder,
    TrafficClass,
)
from tidings.domain.text import Alphabet, fits_gsm, units

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,50}")

_MAX_TARIFF = 999
_MAX_URL_CHARS = 500
_PRINTABLE = re.compile(r"[ -~]+")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}\S{0,16}")


class Parsed(NamedTuple):
    """An order, and what the answer needs to know of the request."""

    order: Order | PlainOrder
    single: bool  # `phone`, `otp`: answered flat
    references: list[str]  # as given, for the rows that are refused
    otp_code: str | None = None  # the code in the text, which only the one who asked may see


class _Shared(NamedTuple):
    """What all recipients of a request have in common."""

    validity_s: int
    tariff: int | None
    fault: Fault | None  # of validity or tariff, which the vendor shows in each row
    ucs2: bool
    extras: Extras


_OPTIONS = frozenset(
    {
        "transliterate",
        "2way",
        "callback_url_2way",
        "callback_url",
        "validity",
        "tariff",
        "data_coding_ucs2",
    }
)
"""The members that `_shared` reads; most requests have none of them, or the next."""
_ONLY_URL = {"callback_url"}


class _Content(NamedTuple):
    """Who speaks and what they say, with the first fault of the two."""

    sender: str
    body: str
    fault: Fault | None


def parse(payload: Payload, *, caller: Caller, now: datetime, settings: Settings, draw: Draw) -> Parsed:
    """The order in a decoded body. Raises Problem for what is wrong with the request as a whole."""
    destination = payload.get("destination")
    if destination not in ("phone", "phones", "individual", "otp"):
        raise Problem(Code.BAD_PAYLOAD)
    single = destination in ("phone", "otp")
    otp_code = None
    if destination == "otp" and isinstance(pattern := payload.get("body"), str):
        body, otp_code = fill(pattern, draw)
        payload = {**payload, "body": body}
    shared = _shared(payload, settings)
    label = None if single else _label(payload)
    content = None if destination == "individual" else _one_content(payload, shared, settings)
    rows = [payload] if single else _rows(payload, settings)
    order = Order(
        caller=caller,
        dialect=Dialect.BSG_V1,
        drafts=[_draft(row, shared, content or _content(row, shared, settings)) for row in rows],
        on_fault=OnFault.SKIP,
        validity_s=shared.validity_s,
        name=label,
        scheduled_for=_start(payload, now, settings),
        unique_recipients=True,
        traffic_class=TrafficClass.OTP if destination == "otp" else None,
        calls_back=True,
        shows_keys=False,
    )
    return Parsed(order, single, [text(row.get("reference")) or "" for row in rows], otp_code)


def _shared(payload: Payload, settings: Settings) -> _Shared:
    asked = _OPTIONS.intersection(payload)
    if not asked:
        return _Shared(settings.default_validity_h * 3600, None, None, False, NO_EXTRAS)
    if asked == _ONLY_URL:
        url = _url(payload, "callback_url")
        return _Shared(settings.default_validity_h * 3600, None, None, False, _calling(url))
    _refuse_what_is_not_built(payload)
    validity_s, bad_validity = _validity(payload, settings)
    tariff, bad_tariff = _tariff(payload)
    return _Shared(
        validity_s=validity_s,
        tariff=tariff,
        fault=bad_validity or bad_tariff,
        ucs2=flag(payload, "data_coding_ucs2"),
        extras=_calling(_url(payload, "callback_url")),
    )


@lru_cache(maxsize=256)
def _calling(url: str | None) -> Extras:
    """Customers name the same few again and again."""
    return Extras(callback_url=url)


def _refuse_what_is_not_built(payload: Payload) -> None:
    """Members that would change what is sent are never passed over in silence."""
    if flag(payload, "transliterate"):
        raise Problem(Code.BAD_PARAMETER, "transliterate")
    two_way, replies_to = flag(payload, "2way"), _url(payload, "callback_url_2way")
    if two_way:
        raise Problem(Code.TWO_WAY_OFF)
    if replies_to is not None:
        raise Problem(Code.BAD_PARAMETER, "callback_url_2way")


def _url(payload: Payload, member: str) -> str | None:
    url = given(payload, member)
    if url is None:
        return None
    if not isinstance(url, str) or len(url) > _MAX_URL_CHARS or web_address.parse(url) is None:
        raise Problem(Code.BAD_PARAMETER, member)
    return url


def _validity(payload: Payload, settings: Settings) -> tuple[int, Fault | None]:
    """Hours in, seconds out."""
    value = given(payload, "validity")
    hours = settings.default_validity_h if value is None else whole(value)
    if hours is None or not 1 <= hours <= settings.max_validity_h:
        return settings.default_validity_h * 3600, Fault.VALIDITY_INVALID
    return hours * 3600, None


def _tariff(payload: Payload) -> tuple[int | None, Fault | None]:
    value = given(payload, "tariff")
    if value is None:
        return None, None
    code = whole(value)
    if code is None or not 0 <= code <= _MAX_TARIFF:
        return None, Fault.TARIFF_UNKNOWN
    return code, None


def _label(payload: Payload) -> str | None:
    """The reference of a whole batch: its name. Says nothing of the recipients' own references."""
    value = given(payload, "reference")
    if value is None:
        return None
    label = text(value)
    if label is None or not REFERENCE.fullmatch(label):
        raise Problem(Code.BAD_REFERENCE)
    return label


def _one_content(payload: Payload, shared: _Shared, settings: Settings) -> _Content:
    """What all recipients read; a fault of it is the request's."""
    content = _content(payload, shared, settings)
    if content.fault is Fault.SENDER_INVALID:
        raise Problem(Code.BAD_ORIGINATOR)
    if content.fault is not None:
        raise Problem(Code.BAD_TEXT)
    return content


def _content(row: Mapping[str, object], shared: _Shared, settings: Settings) -> _Content:
    sender, body = (text(row.get("originator")) or "").strip(), row.get("body")
    if not _sender_fits(sender, settings):
        return _Content("", "", Fault.SENDER_INVALID)
    if not isinstance(body, str) or not body or "\x00" in body:
        return _Content(sender, "", Fault.TEXT_INVALID)
    if not _is_short_enough(body, shared.ucs2, settings):
        return _Content(sender, "", Fault.TEXT_TOO_LONG)
    return _Content(sender, body, None)


def _sender_fits(sender: str, settings: Settings) -> bool:
    """Up to 15 printable characters; all digits: at least three. The vendor's pages say 11, 14 and 15."""
    if len(sender) > settings.max_sender_chars or not _PRINTABLE.fullmatch(sender):
        return False
    return len(sender) >= 3 or not sender.isdigit()


def text_fits(body: str, ucs2: bool, settings: Settings) -> bool:
    """Whether it is a text that is sent."""
    return body != "" and "\x00" not in body and _is_short_enough(body, ucs2, settings)


def _is_short_enough(body: str, ucs2: bool, settings: Settings) -> bool:
    """Counted as on the air: an extension character is two septets, an emoji two units."""
    if 2 * len(body) <= min(settings.max_septets, settings.max_ucs2_units):
        return True  # no character weighs more than two
    if len(body) > settings.max_septets:
        return False
    if ucs2 or not fits_gsm(body):
        return units(body, Alphabet.UCS2) <= settings.max_ucs2_units
    return units(body, Alphabet.GSM7) <= settings.max_septets


def _rows(payload: Payload, settings: Settings) -> list[Payload]:
    """The recipients; what is no object at all is a recipient without a number."""
    rows = payload.get("phones")
    if not isinstance(rows, list) or not rows:
        raise Problem(Code.BAD_PAYLOAD)
    if len(rows) > settings.max_rows:
        raise Problem(Code.BATCH_TOO_LARGE)
    return [row if isinstance(row, dict) else {} for row in rows]


def _draft(row: Payload, shared: _Shared, content: _Content) -> Draft:
    reference, bad_reference = _reference(row)
    return Draft(
        recipient=(text(row.get("msisdn")) or "").strip(),
        sender=content.sender,
        text=content.body,
        reference=reference,
        tariff=shared.tariff,
        ucs2=shared.ucs2,
        extras=shared.extras,
        fault=bad_reference or shared.fault or content.fault,
    )


def _reference(row: Payload) -> tuple[str | None, Fault | None]:
    """Absent: one is made. Present and empty: a fault, which one of the vendor's test suites asks for."""
    if "reference" not in row:
        return None, None
    value = row["reference"]
    if value is None or value == "":
        return None, Fault.REFERENCE_MISSING
    reference = text(value)
    if reference is None or not REFERENCE.fullmatch(reference):
        return None, Fault.REFERENCE_INVALID
    return reference, None


def _start(payload: Payload, now: datetime, settings: Settings) -> datetime | None:
    """When to send; None is now. The member has two names, of which the newer wins. Raises Problem 10."""
    newer, older = given(payload, "scheduledDatetime"), given(payload, "send_time")
    value = older if newer is None else newer
    if value is None:
        return None
    moment = _moment(value)
    earliest = now - timedelta(seconds=settings.past_schedule_ok_s)
    latest = now + timedelta(days=settings.max_schedule_ahead_d)
    if moment is None or not earliest <= moment <= latest:
        raise Problem(Code.BAD_SEND_TIME)
    return moment if moment > now else None


def _moment(value: object) -> datetime | None:
    """An ISO 8601 date and time; UTC where it names no zone."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
