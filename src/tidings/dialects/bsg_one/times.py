"""Dates as One API clients write and read them: `Y-m-d H:i:s`, and what their libraries make of it."""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo

# `2025-01-25 13:00:00` on the pages; generated clients send `2025-01-01T00:00:00.000000` with or without
# `+0000`, whose plus sign is a space after form decoding.
_FORM = re.compile(
    r"((?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(\.[0-9]{1,9})?(Z|[+ -][0-9]{2}:?[0-9]{2})?"
)
_LAST_INSTANT = timedelta(seconds=1) - timedelta(microseconds=1)


def parse(text: str, *, zone: tzinfo) -> datetime | None:
    """The moment a customer wrote, in UTC; without an offset it is in `zone`. None if it is no such date."""
    form = _FORM.fullmatch(text.strip())
    if form is None:
        return None
    day, time, fraction, offset = form.groups(default="")
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{fraction}{offset.replace(' ', '+')}")
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except ValueError:
        return None


def parse_end(text: str, *, zone: tzinfo) -> datetime | None:
    """Like `parse`, but a second named whole is meant to its end: lists show no fractions."""
    moment = parse(text, zone=zone)
    if moment is None or "." in text:
        return moment
    return moment + _LAST_INSTANT


def write(moment: datetime | None, *, zone: tzinfo) -> str | None:
    """`Y-m-d H:i:s` in `zone`; None stays None, for unknown times are null on the wire."""
    return None if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def months_before(moment: datetime, months: int) -> datetime:
    """The same day of the month, that many months earlier, or the last day of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
