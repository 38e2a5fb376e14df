"""What can be switched in this dialect: for the whole server, and for one account."""

import re
from datetime import UTC, timedelta, timezone, tzinfo

import msgspec

from tidings.domain.errors import Misconfigured
from tidings.domain.order import Account

_OFFSET = re.compile(r"([+-])([01]\d):?([0-5]\d)", re.ASCII)


class Settings(msgspec.Struct, frozen=True):
    """Switches of the whole server; the defaults are the documented behaviour."""

    mounts: tuple[str, ...] = (
        "",
        "/restapi",
    )  # path prefixes; white-label hosts serve everything below /restapi
    lenient_limit: bool = True  # `limit=null`, as the vendor's own samples send it, is no limit given
    max_body_bytes: int = 16 * 1024 * 1024
    max_destinations: int = 10_000  # of one request


class Preferences(msgspec.Struct, frozen=True):
    """One account's switches, from `Account.settings` under `infobip.<name>`."""

    ok_word: str = "Ok"  # `error.groupName` of a success; the vendor's own samples have both `Ok` and `OK`
    zone: tzinfo = UTC  # dates are written in it, and read in it where they carry no offset
    carrier_receipt_as_unknown: bool = (
        False  # never say DELIVERED_TO_OPERATOR, whose group reads as a success
    )


def preferences(account: Account) -> Preferences:
    """The account's switches. A value that makes no sense is Misconfigured, naming the setting."""
    given = {
        key.removeprefix("infobip."): value
        for key, value in account.settings.items()
        if key.startswith("infobip.")
    }
    return Preferences(
        ok_word=_text(given.get("ok_word", "Ok")),
        zone=_zone(given.get("utc_offset", "+0000")),
        carrier_receipt_as_unknown=_switch(given.get("carrier_receipt_as_unknown", False)),
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise Misconfigured("infobip.ok_word must be a text")


def _zone(value: object) -> tzinfo:
    found = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Misconfigured('infobip.utc_offset must look like "+0100"')
    sign, hours, minutes = found.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(ahead if sign == "+" else -ahead)


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Misconfigured("infobip.carrier_receipt_as_unknown must be true or false")
