"""The text of a delivery receipt, read as tolerantly as carriers write it.

The specification's form is

    id:IIIIIIIIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DDDDDDD err:E text:. . .

and in the field every piece of it varies: label case, order, separators, missing labels, spaces, the
width of the dates, and the character set of the whole. So nothing here raises: a label that is missing or
makes no sense is absent. What stands behind the first `text:` is the message's own content and is never
read as labels.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from operator import methodcaller
from typing import NamedTuple

VALUE_CHARS_MAX = 255
"""A longer value is no id, word or code of anybody; it is taken as absent."""

_USUAL = re.compile(
    rb"id:([0-9A-Za-z-]{1,65}) sub:([0-9]{1,4}) dlvrd:([0-9]{1,4}) submit date:([0-9]{10,14}) "
    rb"done date:([0-9]{10,14}) stat:([A-Z]{5,10}) err:([0-9A-Za-z]{1,6}) text:([ -~]{0,200})"
)
"""The specification's own form, which most receipts have: found at once. All others are scanned for labels."""

_LABEL = re.compile(
    r"(?:^|(?<=[\s;,]))"
    r"(id|sub|dlvrd|submit[ _]{0,3}date|done[ _]{0,3}date|stat(?:us)?|err(?:or)?|text)[ ]{0,3}:",
    re.IGNORECASE,
)
AROUND = " \t\r\n;,"
_ASCII = methodcaller("decode", "ascii")
_ONE_NAME = {"submitdate": "submit_date", "donedate": "done_date", "status": "stat", "error": "err"}
_CENTURY = {10: ("20",), 12: ("20", ""), 14: ("",)}
"""By the width of a date: what may stand before it to make it YYYYMMDDhhmm or YYYYMMDDhhmmss."""


class ReceiptText(NamedTuple):
    """The labels of a receipt, as given. None = absent."""

    id: str | None = None
    stat: str | None = None
    err: str | None = None
    submit_date: str | None = None
    done_date: str | None = None
    sub: str | None = None
    dlvrd: str | None = None
    text: str | None = None
    labels: int = 0  # how many different ones there were
    id_leads: bool = False  # the body starts with the id


def read(body: bytes) -> ReceiptText:
    """What the body of a receipt says. Never raises."""
    usual = _USUAL.fullmatch(body)
    if usual is None:
        return scan(body)
    id_, sub, dlvrd, submit_date, done_date, stat, err, text = map(_ASCII, usual.groups())
    return ReceiptText(
        id_, stat, err, submit_date, done_date, sub, dlvrd, text.strip(AROUND) or None, 8, True
    )


def scan(body: bytes) -> ReceiptText:
    """The same as `read`, for every form there is."""
    text = _characters(body)
    hits = _labels(text)
    values: dict[str, str] = {}
    for hit, (name, start, _) in enumerate(hits):
        stop = len(text) if name == "text" or hit + 1 == len(hits) else hits[hit + 1][2]
        values.setdefault(name, text[start:stop].strip(AROUND))
    told = {name: value for name, value in values.items() if 0 < len(value) <= VALUE_CHARS_MAX}
    id_leads = bool(hits) and hits[0][0] == "id" and hits[0][2] == 0
    return ReceiptText(**told, labels=len(values), id_leads=id_leads)


def read_date(written: str | None, *, now: datetime, offset_minutes: int = 0) -> datetime | None:
    """The time that a receipt's date names, aware UTC; None for zeros, words and dates that do not exist.

    Ten digits are YYMMDDhhmm, fourteen YYYYMMDDhhmmss; twelve may be YYMMDDhhmmss or YYYYMMDDhhmm, and
    whichever lies nearer to `now` is meant. Receipts name no zone: `offset_minutes` is that of the
    carrier's clock.
    """
    times = () if written is None else _times(written, offset_minutes)
    return min(times, key=lambda time: abs(time - now)) if len(times) > 1 else next(iter(times), None)


@lru_cache(maxsize=4096)
def _times(written: str, offset_minutes: int) -> tuple[datetime, ...]:
    """Every time that a date may mean. Cached, because receipts of one minute come in thousands."""
    if not (written.isascii() and written.isdigit()):
        return ()
    zone = timezone(timedelta(minutes=offset_minutes))
    times = [_time(century + written, zone) for century in _CENTURY.get(len(written), ())]
    return tuple(time for time in times if time is not None)


def _time(digits: str, zone: timezone) -> datetime | None:
    year, month, day, hour, minute = (
        int(digits[at:to]) for at, to in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12))
    )
    try:
        return datetime(year, month, day, hour, minute, int(digits[12:] or 0), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _labels(text: str) -> list[tuple[str, int, int]]:
    """Each label's name, where its value starts and where it starts itself, up to the first `text:`."""
    hits = []
    for match in _LABEL.finditer(text):
        name = match[1].lower().replace(" ", "").replace("_", "")
        hits.append((_ONE_NAME.get(name, name), match.end(), match.start()))
        if name == "text":
            break
    return hits


def _characters(body: bytes) -> str:
    """The body as text: UTF-16 where zero octets between the letters and a label give it away, else Latin-1.

    `data_coding` is not asked: carriers send UTF-16 under data_coding 0 too. A NUL that is left is a space.
    """
    if b"\0" in body.rstrip(b"\0"):
        for encoding in ("utf-16-be", "utf-16-le"):
            text = body.decode(encoding, "replace").lstrip("\ufeff").replace("\0", " ")
            if _LABEL.search(text):
                return text
    return body.decode("latin-1").replace("\0", " ")
