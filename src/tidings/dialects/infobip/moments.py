"""Dates as this vendor writes and reads them."""

import re
from datetime import UTC, datetime, tzinfo

_READABLE = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII | re.IGNORECASE
)


def written(moment: datetime, zone: tzinfo) -> str:
    """`2019-11-09T16:00:00.000+0000`: three fraction digits, an offset without colon, never `Z`."""
    text = moment.astimezone(zone).isoformat(timespec="milliseconds")
    return text[:-3] + text[-2:]


def read(text: str, zone: tzinfo) -> datetime:
    """The moment in UTC; `zone` is meant where the text carries no offset. ValueError if it is no date.

    Clients send `+0100`, `+01:00`, `Z` or no offset, and from none to nine fraction digits. (One community
    client writes local time with a literal `Z`; nothing on the wire tells, so `Z` is UTC.)
    """
    if not _READABLE.fullmatch(text):
        raise ValueError("not a date")
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError("not a date") from beyond
