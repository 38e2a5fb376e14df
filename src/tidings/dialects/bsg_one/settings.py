"""What an operator may choose about the One API; the defaults are the documented behaviour."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from tidings.domain.errors import Misconfigured
from tidings.domain.order import Account

THIRTY_DAYS_S = 30 * 24 * 3600
ACCOUNT_SWITCHES = ("strict_seed_vocabulary", "amont")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The dialect's switches. Those in `ACCOUNT_SWITCHES` may differ per account, as `bsg_one.<name>`."""

    strict_seed_vocabulary: bool = False  # fold not_service_user and not_viber_user into undelivered
    amont: bool = True  # repeat `amount` as the array `amont` that the printed table names
    timezone: str = "UTC"  # of every date without an offset, in and out
    token_lifetime_s: int = THIRTY_DAYS_S
    clock_skew_s: int = 60  # how far a customer's clock may be ahead of or behind ours
    max_body_octets: int = 4 * 1024 * 1024  # 10,000 phones with references need about 1 MB

    def zone(self) -> tzinfo:
        """The zone that `timezone` names. Raises Misconfigured where the system does not know it."""
        if self.timezone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as unknown:
            raise Misconfigured(f"bsg_one.timezone: {self.timezone!r} is not a known time zone") from unknown

    def of(self, account: Account) -> "Settings":
        """These settings with what the account has chosen for itself; anything but a bool is ignored."""
        chosen = {name: account.settings.get(f"bsg_one.{name}") for name in ACCOUNT_SWITCHES}
        switches = {name: value for name, value in chosen.items() if isinstance(value, bool)}
        return msgspec.structs.replace(self, **switches) if switches else self
