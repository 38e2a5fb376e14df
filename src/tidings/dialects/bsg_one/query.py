"""The query of GET /api/messages: page, filters and order.

An empty value counts as absent, of a repeated parameter the last one counts, unknown parameters are ignored.
The dates bound the time of creation, for a message that was not sent yet has no other.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

import msgspec

from tidings.dialects.bsg_one import times
from tidings.dialects.bsg_one.problems import Violations
from tidings.domain.message import MessageFilter, Sort

LIMIT_DEFAULT, LIMIT_MIN, LIMIT_MAX = 50, 15, 500
OFFSET_MAX = 10**9
ID_MAX = 10**18
REFERENCE_MAX_CHARACTERS = 255
WINDOW_MONTHS = 3
SORTS = {"id": "id", "phone": "recipient", "delivered": "delivered"}
WAYS = {"asc": False, "desc": True}

_INTEGER = re.compile(r"[0-9]{1,19}")


class MessageQuery(msgspec.Struct, frozen=True):
    """What a customer wants to see."""

    where: MessageFilter
    sort: Sort
    limit: int
    offset: int


class _Reader:
    """Reads one parameter after the other and gathers what is wrong with them."""

    def __init__(self, params: Mapping[str, str]) -> None:
        self._params = params
        self.violations = Violations()

    def text(self, name: str) -> str | None:
        return self._params.get(name) or None

    def integer(self, name: str, *, low: int, high: int) -> int | None:
        given = self.text(name)
        if given is None:
            return None
        value = int(given) if _INTEGER.fullmatch(given) else -1
        if low <= value <= high:
            return value
        self.violations.add(name, f"This value should be an integer between {low} and {high}.")
        return None

    def choice(self, name: str, choices: Mapping[str, object], default: str) -> str:
        given = self.text(name) or default
        if given in choices:
            return given
        self.violations.add(name, "The value you selected is not a valid choice.")
        return default

    def reference(self, name: str) -> str | None:
        given = self.text(name)
        if given is not None and (len(given) > REFERENCE_MAX_CHARACTERS or "\0" in given):
            self.violations.add(name, "This value is not valid.")
        return given

    def window(self, *, now: datetime, zone: tzinfo, skew: timedelta) -> tuple[datetime, datetime]:
        """Both ends of the time asked for: `to` defaults to now, `from` to three months before `to`."""
        end = self._moment("filter[to]", now=now, zone=zone, skew=skew, whole_second=True) or now + skew
        oldest = times.months_before(min(end, now).replace(microsecond=0), WINDOW_MONTHS)
        start = self._moment("filter[from]", now=now, zone=zone, skew=skew) or oldest
        if start > end:
            self.violations.add("filter[from]", "This value should not be later than filter[to].")
        if start < oldest - skew:
            self.violations.add("filter[from]", "The period should not be longer than 3 months.")
        return start, end

    def _moment(
        self, name: str, *, now: datetime, zone: tzinfo, skew: timedelta, whole_second: bool = False
    ) -> datetime | None:
        given = self.text(name)
        if given is None:
            return None
        moment = (times.parse_end if whole_second else times.parse)(given, zone=zone)
        if moment is None:
            self.violations.add(name, "This value is not a valid date: expected Y-m-d H:i:s.")
        elif moment > now + skew:
            self.violations.add(name, "This value should not be in the future.")
        return moment


def message_query(
    params: Mapping[str, str], *, now: datetime, zone: tzinfo, clock_skew_s: int
) -> MessageQuery:
    """The query that `params` spell. Raises the validation answer with everything that is wrong."""
    reader = _Reader(params)
    limit = reader.integer("page[limit]", low=LIMIT_MIN, high=LIMIT_MAX)
    offset = reader.integer("page[offset]", low=0, high=OFFSET_MAX)
    sort, way = reader.choice("sort", SORTS, "id"), reader.choice("way", WAYS, "asc")
    start, end = reader.window(now=now, zone=zone, skew=timedelta(seconds=clock_skew_s))
    where = MessageFilter(
        created_from=start,
        created_to=end,
        task_id=reader.integer("filter[campaign_id]", low=1, high=ID_MAX),
        reference=reader.reference("filter[reference_id]"),
        id=reader.integer("filter[id]", low=1, high=ID_MAX),
    )
    reader.violations.settle()
    return MessageQuery(where, Sort(SORTS[sort], WAYS[way]), limit or LIMIT_DEFAULT, offset or 0)
