"""POST /sms/2/text/advanced: from the body to an order, and from what became of it to the answer.

A structural fault refuses the whole request and names its path; a recipient that cannot be taken is a row of
a 200. So a bad number never costs the others, and a request that was misunderstood costs nobody.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import msgspec
from msgspec import UNSET

from tidings.dialects.infobip import moments, unserved, words
from tidings.dialects.infobip.errors import bad_request
from tidings.dialects.infobip.violations import Violations
from tidings.dialects.infobip.wire import (
    AdvancedTextRequest,
    Destination,
    SendResponse,
    SentMessage,
    TextMessage,
)
from tidings.domain.errors import Fault
from tidings.domain.order import Caller, Dialect, Draft, Extras, OnFault, Order, Receipted, Taken

LONGEST_VALIDITY_MIN = 48 * 60  # also what is meant where nothing is said
FURTHEST_START = timedelta(days=180)
BULK_ID_LENGTH = 100  # longer ones are clipped
MESSAGE_ID_LENGTH = 200  # likewise
TO_LENGTH = 64
CONTENT_TYPES = ("application/json", "application/xml")

_OBJECTS_PER_DESTINATION = 20  # beyond it, a body of nothing but braces would fill the memory
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # the one character that cannot be stored
_PATH = re.compile(r" - at `\$\.(.+)`$")
_decoder = msgspec.json.Decoder(AdvancedTextRequest)


def decode(body: bytes, *, max_destinations: int) -> AdvancedTextRequest:
    """The request; 400 for what is not JSON of its shape, with the path where one is to blame."""
    if body.count(b"{") > max_destinations * _OBJECTS_PER_DESTINATION:
        raise _too_many(max_destinations)
    if b"\\u0000" in body and _NUL.search(body):
        raise bad_request()
    try:
        request = _decoder.decode(body)
    except msgspec.ValidationError as wrong:
        where = _PATH.search(str(wrong))
        raise bad_request({where[1]: ["has the wrong type"]} if where else None) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise bad_request() from broken
    if sum(1 for _ in _destinations(request)) > max_destinations:
        raise _too_many(max_destinations)
    return request


def order_of(request: AdvancedTextRequest, *, caller: Caller, now: datetime, zone: tzinfo) -> Order:
    """What the customer wants. `zone` is meant by dates without an offset. 400 for structural faults."""
    violations = Violations()
    violations.extend("", unserved.of_request(request))
    if not request.messages:
        violations.add("messages", "must not be empty")
    reader = _Reader(now, zone, violations)
    drafts: list[Draft] = []
    for index, message in enumerate(request.messages or ()):
        drafts += reader.drafts(message, f"messages[{index}].")
    violations.check()
    starts = {draft.scheduled_for for draft in drafts}
    return Order(
        caller=caller,
        dialect=Dialect.INFOBIP,
        drafts=drafts,
        on_fault=OnFault.RECORD,
        validity_s=LONGEST_VALIDITY_MIN * 60,
        bulk_key=_clipped(request.bulk_id, BULK_ID_LENGTH),
        scheduled_for=starts.pop() if len(starts) == 1 else None,
    )


def response(request: AdvancedTextRequest, receipted: Receipted) -> SendResponse:
    """One row per destination, in the order of the request; `to` as it was given."""
    counted = bool(request.include_sms_count_in_response)
    rows = zip(_destinations(request), receipted.rows, strict=True)
    return SendResponse(receipted.bulk_key, [_sent(destination, row, counted) for destination, row in rows])


class _Reader:
    """Reads messages into drafts and notes what is wrong with them."""

    def __init__(self, now: datetime, zone: tzinfo, violations: Violations) -> None:
        self._now, self._zone, self._violations = now, zone, violations

    def drafts(self, message: TextMessage, path: str) -> list[Draft]:
        """A draft per destination. `path` leads to the message's fields."""
        self._check(message, path)
        start, validity_s = self._start(message, path), self._validity_s(message, path)
        extras = _extras(message)
        return [
            Draft(
                recipient=(destination.to or "").strip(),
                sender=message.sender or "",
                text=message.text or "",
                message_key=_clipped(destination.message_id, MESSAGE_ID_LENGTH),
                flash=bool(message.flash),
                extras=extras,
                fault=None if _given(destination.to) else Fault.RECIPIENT_MISSING,
                validity_s=validity_s,
                scheduled_for=start,
            )
            for destination in message.destinations or ()
        ]

    def _check(self, message: TextMessage, path: str) -> None:
        self._violations.extend(path, unserved.of_message(message))
        if not message.destinations:
            self._violations.add(f"{path}destinations", "must not be empty")
        for index, destination in enumerate(message.destinations or ()):
            if len(destination.to or "") > TO_LENGTH:
                self._too_long(f"{path}destinations[{index}].to", TO_LENGTH)
        for name, value, longest in _bounded(message):
            if len(value or "") > longest:
                self._too_long(path + name, longest)
        if _given(message.notify_url) and not _is_web_address(message.notify_url or ""):
            self._violations.add(f"{path}notifyUrl", "must be an http or https URL")
        if message.notify_content_type and message.notify_content_type not in CONTENT_TYPES:
            self._violations.add(f"{path}notifyContentType", f"must be one of {', '.join(CONTENT_TYPES)}")

    def _start(self, message: TextMessage, path: str) -> datetime | None:
        """When it may leave; None for now, and for a time that has passed."""
        if not (text := _given(message.send_at)):
            return None
        try:
            start = moments.read(text, self._zone)
        except ValueError:
            self._violations.add(f"{path}sendAt", "must be a date such as 2030-01-31T16:00:00.000+0000")
            return None
        if start > self._now + FURTHEST_START:
            self._violations.add(f"{path}sendAt", f"must be within {FURTHEST_START.days} days")
        return start if start > self._now else None

    def _validity_s(self, message: TextMessage, path: str) -> int | None:
        minutes = message.validity_period
        if minutes is not None and minutes < 1:
            self._violations.add(f"{path}validityPeriod", "must be greater than or equal to 1")
        return None if minutes is None else min(minutes, LONGEST_VALIDITY_MIN) * 60

    def _too_long(self, path: str, longest: int) -> None:
        self._violations.add(path, f"size must be between 0 and {longest}")


def _bounded(message: TextMessage) -> Iterator[tuple[str, str | None, int]]:
    """Fields with a longest length, in characters."""
    yield "callbackData", message.callback_data, 4000
    yield "notifyUrl", message.notify_url, 2048  # our own bound: the vendor names none
    yield "entityId", message.entity_id, 50
    yield "applicationId", message.application_id, 50
    yield "campaignReferenceId", message.campaign_reference_id, 255


def _extras(message: TextMessage) -> Extras:
    return Extras(
        callback_url=_given(message.notify_url),
        callback_data=message.callback_data or None,
        application_id=message.application_id or None,
        entity_id=message.entity_id or None,
        campaign_reference_id=message.campaign_reference_id or None,
        intermediate_report=bool(message.intermediate_report),
        notify_content_type=message.notify_content_type or None,
    )


def _sent(destination: Destination, row: Taken | Fault, counted: bool) -> SentMessage:
    to = destination.to or ""
    if isinstance(row, Fault):
        return SentMessage(
            _clipped(destination.message_id, MESSAGE_ID_LENGTH) or UNSET, words.refused(row), to
        )
    status = words.refused(row.fault) if row.fault else words.ACCEPTED
    return SentMessage(row.message_key, status, to, row.parts if counted else UNSET)


def _destinations(request: AdvancedTextRequest) -> Iterator[Destination]:
    for message in request.messages or ():
        yield from message.destinations or ()


def _given(text: str | None) -> str | None:
    """The text without blanks around it; None if nothing is left."""
    return (text or "").strip() or None


def _clipped(text: str | None, longest: int) -> str | None:
    return text[:longest] if text and text.strip() else None


def _is_web_address(text: str) -> bool:
    return text.strip().lower().startswith(("http://", "https://"))


def _too_many(max_destinations: int) -> Exception:
    return bad_request({"messages": [f"must not hold more than {max_destinations} destinations"]})
