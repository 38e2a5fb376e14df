"""GET /sms/1/reports: what the query asks for, and the reports as this vendor writes them."""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from starlette.datastructures import QueryParams

from tidings.dialects.infobip import words
from tidings.dialects.infobip.errors import bad_request
from tidings.dialects.infobip.moments import written
from tidings.dialects.infobip.settings import Preferences
from tidings.domain.message import Report, ReportFilter, Standing
from tidings.domain.money import Units, plain
from tidings.domain.order import NO_EXTRAS, Extras

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000

# Filled in, these are what encoding structs would give, in half the time.
ROW = b'{"bulkId":%b,"messageId":%b,"to":%b%b,"sentAt":"%b","doneAt":"%b","smsCount":%d%b%b,%b%b}'
WORDS = b'"price":{"pricePerMessage":%b,"currency":%b},"status":%b,"error":%b'

encode = msgspec.json.Encoder().encode

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_NUL = "\x00"  # no id holds it, and the database refuses to be asked for it


def limit_of(query: QueryParams, *, lenient: bool) -> int:
    """How many reports are wanted: 0 to 1000, 50 where nothing is said. Anything else is 400.

    The vendor's own samples send `limit` without a value, and `limit=null` (taken as absent if `lenient`).
    """
    given = _first(query, "limit").strip()
    if not given or (lenient and given == "null"):
        return DEFAULT_LIMIT
    if not _INTEGER.fullmatch(given) or not 0 <= int(given) <= MAX_LIMIT:
        raise bad_request()
    return int(given)


def filter_of(query: QueryParams) -> ReportFilter | None:
    """Which reports are wanted; an empty value is no condition. None if no report can meet it."""
    names = ("bulkId", "messageId", "applicationId", "entityId", "campaignReferenceId")
    bulk, message, application, entity, campaign = (_first(query, name) or None for name in names)
    if any(_NUL in value for value in (bulk, message, application, entity, campaign) if value):
        return None
    return ReportFilter(
        bulk_key=bulk,
        message_key=message,
        application_id=application,
        entity_id=entity,
        campaign_reference_id=campaign,
    )


def response(reports: Sequence[Report], preferences: Preferences) -> bytes:
    """The answer that hands these reports out, JSON, in their order: the gateway gives the latest `doneAt` first."""
    writer = _Writer(preferences)
    return b'{"results":[%b]}' % b",".join([writer.row(report) for report in reports])


class _Writer:
    """Writes the rows of one answer.

    A thousand of them have few standings, prices and times: each is put in words once.
    """

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._dates: dict[datetime, bytes] = {}
        self._said: dict[tuple[Standing, Units, int, str], bytes] = {}

    def row(self, report: Report) -> bytes:
        """One report."""
        extras, sender, dates = report.extras, report.sender, self._dates
        filed = callback_data = b""
        if extras is not NO_EXTRAS:
            filed = _platform(extras)
            if extras.callback_data:
                callback_data = b',"callbackData":%b' % encode(extras.callback_data)
        return ROW % (
            encode(report.bulk_key),
            encode(report.message_key),
            encode(report.recipient),
            b',"from":%b' % encode(sender) if sender else b"",
            dates.get(report.sent_at) or self._date(report.sent_at),
            dates.get(report.done_at) or self._date(report.done_at),
            report.parts,
            b',"mccMnc":%b' % encode(report.mccmnc) if report.mccmnc else b"",
            callback_data,
            self._words(report),
            filed,
        )

    def _date(self, moment: datetime) -> bytes:
        """A time that comes for the first time."""
        said = self._dates[moment] = written(moment, self._preferences.zone)
        return said

    def _words(self, report: Report) -> bytes:
        """What it cost, and what became of it."""
        about = (report.standing, report.price, report.parts, report.currency)
        said = self._said.get(about)
        if said is None:
            said = self._said[about] = WORDS % (
                plain(report.price // max(report.parts, 1)).encode(),
                encode(report.currency),
                encode(words.status(report.standing, self._preferences)),
                encode(words.error(report.standing, self._preferences)),
            )
        return said


def _platform(extras: Extras) -> bytes:
    """What the customer filed the message under."""
    named = (
        (b"entityId", extras.entity_id),
        (b"applicationId", extras.application_id),
        (b"campaignReferenceId", extras.campaign_reference_id),
    )
    return b"".join(b',"%b":%b' % (name, encode(value)) for name, value in named if value)


def _first(query: QueryParams, name: str) -> str:
    """The first value of a parameter; `""` if it is not there."""
    return next(iter(query.getlist(name)), "")
