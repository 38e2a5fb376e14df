"""What the simulated SMSC can be told."""

from enum import StrEnum, unique
from pathlib import Path

import msgspec

from tidings.domain.errors import Misconfigured

PASSWORD = "sandbox"  # noqa: S105 - the documented password of a toy that listens on loopback
"""The password peers bind with unless another one is set."""


@unique
class IdForm(StrEnum):
    """How message ids are spelt. Real SMSCs exist of every kind."""

    DECIMAL = "decimal"
    HEX = "hex"
    HEX_DEC = "hex-dec"  # the answer to a submission in hexadecimal, its receipts in decimal


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults are those of `tidings sim smsc`, except that nothing is kept without `state`."""

    host: str = "127.0.0.1"
    port: int = 2775  # 0: any free one
    system_id: str = "tidings"
    password: str = PASSWORD

    response_delay_s: float = 0.0
    receipt_delay_s: float = 0.05  # from the response on
    late_delay_s: float = 10.0  # the same, for destinations whose receipt comes late
    early_by_s: float = 0.1  # how long before its response an early receipt goes out
    throughput_per_s: int | None = None  # of all binds together; what is faster is answered ESME_RTHROTTLED
    id_form: IdForm = IdForm.DECIMAL

    sessions_max: int = 32  # bound at once; the next bind is answered ESME_RALYBND
    connections_max: int = 256  # open at once, bound or not; more are closed without a word
    submit_window: int = 10_000  # unanswered submissions of one session; more are answered ESME_RTHROTTLED
    deliver_window: int = 100  # unacknowledged receipts of one session; the others wait
    messages_max: int = 100_000  # remembered; as many unfinished ones and new ones are answered ESME_RMSGQFUL

    retry_after_s: float = 1.0  # a receipt that was answered "not now"
    resend_after_s: float = 10.0  # a receipt that was not answered
    enquire_after_s: float = 60.0  # a silent peer; as long again without a word and it is dropped
    bind_within_s: float = 30.0
    unbind_within_s: float = 2.0
    state: Path | None = None  # where the truth is kept; without it, only in memory

    def __post_init__(self) -> None:
        """Refuse what SMPP cannot carry and what would leave the simulator stuck."""
        _require(
            len(self.system_id.encode("latin-1", "replace")) in range(1, 16), "system_id: 1 to 15 octets"
        )
        _require(len(self.password.encode("latin-1", "replace")) <= 8, "password: at most 8 octets")
        _require(0 <= self.port <= 0xFFFF, "port: 0 to 65535")
        _require(self.throughput_per_s is None or self.throughput_per_s > 0, "throughput: above 0")
        for name in ("response_delay_s", "receipt_delay_s", "late_delay_s", "early_by_s"):
            _require(0 <= getattr(self, name) <= 86_400 * 30, f"{name}: 0 to 30 days")
        for name in ("sessions_max", "connections_max", "submit_window", "deliver_window", "messages_max"):
            _require(getattr(self, name) > 0, f"{name}: above 0")
        for name in (
            "retry_after_s",
            "resend_after_s",
            "enquire_after_s",
            "bind_within_s",
            "unbind_within_s",
        ):
            _require(getattr(self, name) > 0, f"{name}: above 0")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise Misconfigured(f"simulated SMSC: {rule}")
