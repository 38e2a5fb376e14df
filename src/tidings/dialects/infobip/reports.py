"""GET /sms/1/reports: what the query asks for, and the reports as this vendor writes them."""

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, Raw, UnsetType
from starlette.datastructures import QueryParams

from tidings.dialects.infobip import words
from tidings.dialects.infobip.codes import Error, Status
from tidings.dialects.infobip.errors import bad_request
from tidings.dialects.infobip.moments import written
from tidings.dialects.infobip.settings import Preferences
from tidings.dialects.infobip.wire import Price, ReportResponse, ReportRow
from tidings.domain.message import Report, ReportFilter, Standing
from tidings.domain.money import Units, plain

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
    writer = _Writer(preferences)
    return ReportResponse([writer.row(report) for report in reports])


class _Writer:
    """Writes the rows of one answer. A thousand of them have few standings, prices and moments: each is put in words
    once."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._said: dict[Standing, tuple[Status, Error]] = {}
        self._priced: dict[tuple[Units, int, str], Price] = {}
        self._written: dict[datetime, str] = {}

    def row(self, report: Report) -> ReportRow:
        """One report."""
        extras, (status, error) = report.extras, self._words(report.standing)
        return ReportRow(
            bulk_id=report.bulk_key,
            message_id=report.message_key,
            to=report.recipient,
            sender=_known(report.sender),
            sent_at=self._moment(report.sent_at),
            done_at=self._moment(report.done_at),
            sms_count=report.parts,
            mcc_mnc=_known(report.mccmnc),
            callback_data=_known(extras.callback_data),
            price=self._price(report.price, report.parts, report.currency),
            status=status,
            error=error,
            entity_id=_known(extras.entity_id),
            application_id=_known(extras.application_id),
            campaign_reference_id=_known(extras.campaign_reference_id),
        )

    def _words(self, standing: Standing) -> tuple[Status, Error]:
        said = self._said.get(standing)
        if said is None:
            status = words.status(standing, self._preferences)
            said = self._said[standing] = (status, words.error(standing, self._preferences))
        return said

    def _moment(self, moment: datetime) -> str:
        text = self._written.get(moment)
        if text is None:
            text = self._written[moment] = written(moment, self._preferences.zone)
        return text

    def _price(self, units: Units, parts: int, currency: str) -> Price:
        price = self._priced.get((units, parts, currency))
        if price is None:
            per_part = Raw(plain(units // max(parts, 1)).encode())
            price = self._priced[units, parts, currency] = Price(per_part, currency)
        return price


def _known(value: str | None) -> str | UnsetType:
    return value or UNSET


def _first(query: QueryParams, name: str) -> str:
    """The first value of a parameter; `""` if it is not there."""
    return next(iter(query.getlist(name)), "")
