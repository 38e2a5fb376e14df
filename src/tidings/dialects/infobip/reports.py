"""GET /sms/1/reports: what the query asks for, and the reports as this vendor writes them."""

import re
from collections.abc import Sequence

from msgspec import UNSET, Raw, UnsetType
from starlette.datastructures import QueryParams

from tidings.dialects.infobip import words
from tidings.dialects.infobip.errors import bad_request
from tidings.dialects.infobip.moments import written
from tidings.dialects.infobip.settings import Preferences
from tidings.dialects.infobip.wire import Price, ReportResponse, ReportRow
from tidings.domain.message import Report, ReportFilter
from tidings.domain.money import plain

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000

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


def response(reports: Sequence[Report], preferences: Preferences) -> ReportResponse:
    """The answer that hands these reports out, in their order: the gateway gives the latest `doneAt` first."""
    return ReportResponse([_row(report, preferences) for report in reports])


def _row(report: Report, preferences: Preferences) -> ReportRow:
    message, extras = report.message, report.message.extras
    per_part = report.price // max(message.parts, 1)
    return ReportRow(
        bulk_id=message.bulk_key,
        message_id=message.message_key,
        to=message.recipient,
        sender=_known(message.sender),
        sent_at=written(report.sent_at, preferences.zone),
        done_at=written(report.done_at, preferences.zone),
        sms_count=message.parts,
        mcc_mnc=_known(message.mccmnc),
        callback_data=_known(extras.callback_data),
        price=Price(Raw(plain(per_part).encode()), message.currency),
        status=words.status(report.standing, preferences),
        error=words.error(report.standing, preferences),
        entity_id=_known(extras.entity_id),
        application_id=_known(extras.application_id),
        campaign_reference_id=_known(extras.campaign_reference_id),
    )


def _known(value: str | None) -> str | UnsetType:
    return value or UNSET


def _first(query: QueryParams, name: str) -> str:
    """The first value of a parameter; `""` if it is not there."""
    return next(iter(query.getlist(name)), "")
