"""POST /api/campaigns/sms/send as an order: which values the documentation allows, and what they mean."""

import re
from datetime import datetime, timedelta, tzinfo

from tidings.dialects.bsg_one import times
from tidings.dialects.bsg_one.problems import Problem, Violations
from tidings.dialects.bsg_one.wire import Phone, SmsSend
from tidings.dialects.bsg_one.words import TARIFF_NOT_FOUND
from tidings.domain.order import NO_EXTRAS, Caller, Dialect, Draft, Extras, OnFault, Order
from tidings.domain.text import Alphabet, fits_gsm, units

MAX_PHONES = 10_000
PHONE_MIN, PHONE_MAX = 100_000_000, 999_999_999_999_999
VALIDITY_DEFAULT_H, VALIDITY_MAX_H = 72, 72
VALIDITY_MIN_S, VALIDITY_MAX_S = 30, 86_400
TARIFF_MAX = 9
MAX_DAYS_AHEAD = 30
GSM_MAX_SEPTETS = 765
UCS2_MAX_UNITS = 355  # the pages say 335, which is five parts; the schema says 355
MAX_PARTS = 6  # what those lengths can come to
CALLBACK_URL_MAX = 100

_DIGITS = re.compile(r"\+?[0-9]{9,15}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,32}")
_SENDER = re.compile(r"\+?[0-9]{1,15}|(?=.*[^ ])[ -~]{1,11}")
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_BLANK = "This value should not be blank."
_NOT_VALID = "This value is not valid."


class _Reading:
    """One request being read: the values it comes to, and what is wrong with it."""

    def __init__(self, body: SmsSend, *, now: datetime, zone: tzinfo, skew: timedelta) -> None:
        self.body, self.now, self.zone, self.skew = body, now, zone, skew
        self.violations = Violations()

    def sender(self) -> str:
        sender = self.body.sender or ""
        if not sender:
            self.violations.add("sender", _BLANK)
        elif not _SENDER.fullmatch(sender):
            self.violations.add(
                "sender", "This value should have 1 to 11 Latin characters or 1 to 15 digits."
            )
        return sender

    def text(self) -> str:
        text = self.body.text or ""
        if not text:
            self.violations.add("text", _BLANK)
        elif "\0" in text:
            self.violations.add("text", _NOT_VALID)
        elif len(text) > GSM_MAX_SEPTETS or _too_long(text):
            self.violations.add(
                "text",
                f"This value is too long. It should have {GSM_MAX_SEPTETS} GSM 7-bit characters or less, "
                f"or {UCS2_MAX_UNITS} UCS-2 characters or less.",
            )
        return text

    def phones(self) -> list[Phone]:
        phones = self.body.phones or []
        if not phones:
            self.violations.add("phones", _BLANK)
        elif len(phones) > MAX_PHONES:
            self.violations.add("phones", f"This collection should contain {MAX_PHONES} elements or less.")
            return []
        for row, phone in enumerate(phones):
            self._phone(row, phone)
        return phones

    def _phone(self, row: int, phone: Phone) -> None:
        if phone.number is None or phone.number == "":
            self.violations.add(f"phones[{row}].number", _BLANK)
        elif not _possible(phone.number):
            self.violations.add(
                f"phones[{row}].number", f"This value should be between {PHONE_MIN} and {PHONE_MAX}."
            )
        if phone.reference_id and not _REFERENCE.fullmatch(phone.reference_id):
            self.violations.add(
                f"phones[{row}].reference_id", "This value should have 1 to 32 letters and digits."
            )

    def validity_s(self) -> int:
        """Seconds win over hours: published clients always add the default hours."""
        hours, seconds = self.body.validity, self.body.validity_seconds
        if hours is not None and not 1 <= hours <= VALIDITY_MAX_H:
            self.violations.add("validity", f"This value should be between 1 and {VALIDITY_MAX_H}.")
        if seconds is not None and not VALIDITY_MIN_S <= seconds <= VALIDITY_MAX_S:
            self.violations.add(
                "validity_seconds", f"This value should be between {VALIDITY_MIN_S} and {VALIDITY_MAX_S}."
            )
        if seconds is not None:
            return seconds
        return 3600 * (VALIDITY_DEFAULT_H if hours is None else hours)

    def scheduled_for(self) -> datetime | None:
        """When to start; a moment that has just passed is now."""
        if not self.body.start_at:
            return None
        start = times.parse(self.body.start_at, zone=self.zone)
        if start is None:
            self.violations.add("start_at", "This value is not a valid date: expected Y-m-d H:i:s.")
        elif start < self.now - self.skew:
            self.violations.add("start_at", "This value should not be in the past.")
        elif start > _last_start(self.now, self.zone):
            self.violations.add("start_at", f"This value should be at most {MAX_DAYS_AHEAD} days ahead.")
        elif start > self.now:
            return start
        return None

    def extras(self) -> Extras:
        url = self.body.callback_url
        if not url:
            return NO_EXTRAS
        if len(url) > CALLBACK_URL_MAX:
            self.violations.add(
                "callback_url",
                f"This value is too long. It should have {CALLBACK_URL_MAX} characters or less.",
            )
        elif not _URL.fullmatch(url):
            self.violations.add("callback_url", "This value is not a valid URL.")
        return Extras(callback_url=url)

    def refuse_what_is_not_built(self) -> None:
        """Members that would change what is sent are refused, never passed over."""
        if self.body.transliterate:
            self.violations.add("transliterate", "Transliteration is not supported.")
        if self.body.short_links:
            self.violations.add("short_links", "Short links are not supported.")


def order(body: SmsSend, *, caller: Caller, now: datetime, zone: tzinfo, clock_skew_s: int) -> Order:
    """What the customer asked for. Raises the validation answer with everything that is wrong."""
    reading = _Reading(body, now=now, zone=zone, skew=timedelta(seconds=clock_skew_s))
    phones, sender, text = reading.phones(), reading.sender(), reading.text()
    validity_s, start, extras = reading.validity_s(), reading.scheduled_for(), reading.extras()
    reading.refuse_what_is_not_built()
    reading.violations.settle()
    if body.tariff_code is not None and not 0 <= body.tariff_code <= TARIFF_MAX:
        raise Problem(422, TARIFF_NOT_FOUND, errors=[])
    drafts = [
        Draft(
            recipient=str(phone.number),
            sender=sender,
            text=text,
            reference=phone.reference_id or None,
            tariff=body.tariff_code,
            extras=extras,
        )
        for phone in phones
    ]
    return Order(
        caller=caller,
        dialect=Dialect.BSG_ONE,
        drafts=drafts,
        on_fault=OnFault.REFUSE_ALL,
        validity_s=validity_s,
        scheduled_for=start,
        unique_recipients=True,
        max_parts=MAX_PARTS,
    )


def _possible(number: int | str) -> bool:
    if isinstance(number, int):
        return PHONE_MIN <= number <= PHONE_MAX
    return bool(_DIGITS.fullmatch(number))


def _too_long(text: str) -> bool:
    if fits_gsm(text):
        return units(text, Alphabet.GSM7) > GSM_MAX_SEPTETS
    return units(text, Alphabet.UCS2) > UCS2_MAX_UNITS


def _last_start(now: datetime, zone: tzinfo) -> datetime:
    """The end of the thirtieth day after today."""
    day = now.astimezone(zone) + timedelta(days=MAX_DAYS_AHEAD)
    return day.replace(hour=23, minute=59, second=59, microsecond=999_999)
