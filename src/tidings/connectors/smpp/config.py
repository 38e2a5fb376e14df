"""The settings of one SMPP connector, checked before anything connects."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tidings.connectors.smpp.ids import IdForm
from tidings.connectors.smpp.receipts import Reading
from tidings.connectors.smpp.words import ReceiptClass, StatusRule, Trust
from tidings.domain.errors import Misconfigured
from tidings.domain.outcome import Next
from tidings.domain.reason import Reason

Octet = Annotated[int, Meta(ge=0, le=255)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
BindMode = Literal["transceiver", "transmitter_receiver", "transmitter", "receiver"]
"""`transmitter_receiver` is one session of each, where a carrier wants receipts on their own."""

ValidityForm = Literal["relative", "absolute_utc", "none"]
"""How a carrier wants to be told how long a message is worth sending; `none`: not at all."""

OTHER_FORM: dict[ValidityForm, ValidityForm] = {
    "relative": "absolute_utc",
    "absolute_utc": "relative",
    "none": "none",
}
"""What to try once where the carrier refuses the configured one."""


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this carrier means one `command_status`: what to do, and why it ends if it ends there."""

    next: Next
    reason: Reason | None = None


class SmppConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One account at one SMSC. Defaults suit most carriers; `receipt_class` has none: it is a promise."""

    host: Annotated[str, Meta(min_length=1, max_length=255)]
    port: Annotated[int, Meta(ge=1, le=65_535)]
    system_id: Annotated[str, Meta(min_length=1, max_length=15)]
    password: Annotated[str, Meta(max_length=8)]  # resolved; the protocol has room for 8 octets
    receipt_class: ReceiptClass

    tls: bool = False
    tls_ca_file: str | None = None  # None = the system's authorities
    tls_verify: bool = True

    system_type: Annotated[str, Meta(max_length=12)] = ""
    bind_mode: BindMode = "transceiver"
    binds: Annotated[int, Meta(ge=1, le=20)] = 1  # sessions, or pairs of them
    interface_version: Octet = 0x34
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    address_range: Annotated[str, Meta(max_length=40)] = ""

    window: Annotated[int, Meta(ge=1, le=1000)] = 10  # unanswered submissions per session
    rate_per_s: Annotated[float, Meta(ge=0, le=100_000)] = 0  # of all sessions together; 0 = no limit
    service_type: Annotated[str, Meta(max_length=5)] = ""
    source_ton: Octet | None = None  # None = by what the sender is made of
    source_npi: Octet | None = None
    dest_ton: Octet | None = None
    dest_npi: Octet | None = None
    gsm_alphabet: Literal["gsm0338", "latin1"] = "gsm0338"  # what data_coding 0 means to this carrier
    validity_form: ValidityForm = "relative"

    id_form: IdForm = IdForm.EXACT
    receipt_parts: Literal["each", "last", "any_one"] = "each"  # of a long message
    err_is_map: bool = False
    err_table: dict[str, Reason] = {}
    status_table: dict[str, Status] = {}  # by number, e.g. "0x410"
    unknown_is_final: bool = False
    guess_receipts: bool = False
    receipt_timezone_minutes: Annotated[int, Meta(ge=-840, le=840)] = 0

    connect_within_s: Seconds = 10
    bind_within_s: Seconds = 30
    answer_timeout_s: Annotated[float, Meta(gt=0, le=900)] = 60
    late_answer_s: Seconds = 120  # from the submission on; then its answer is not waited for any more
    enquire_idle_s: Seconds = 30
    enquire_within_s: Seconds = 15
    unbind_within_s: Seconds = 5
    reconnect_min_s: Seconds = 1
    reconnect_max_s: Seconds = 60
    refused_wait_s: Seconds = 300  # after the carrier refused our credentials
    stable_after_s: Seconds = 60  # a session that lived this long starts the backoff anew

    def __post_init__(self) -> None:
        for key in ("system_id", "password", "system_type", "service_type", "address_range"):
            value = getattr(self, key)
            if not value.isascii() or "\0" in value:
                raise ValueError(f"`{key}` must be ASCII without NUL")
        if self.late_answer_s < self.answer_timeout_s:
            raise ValueError("`late_answer_s` must not be less than `answer_timeout_s`")
        if self.reconnect_max_s < self.reconnect_min_s:
            raise ValueError("`reconnect_max_s` must not be less than `reconnect_min_s`")
        if self.tls_ca_file and not self.tls:
            raise ValueError("`tls_ca_file` is set but `tls` is off")
        for code in self.status_table:
            _number(code)

    def __repr__(self) -> str:
        return f"SmppConfig(host={self.host!r}, port={self.port}, system_id={self.system_id!r}, password=***)"

    def reading(self) -> Reading:
        """How receipts are to be read."""
        trust = Trust(self.receipt_class, self.err_is_map, self.err_table, self.unknown_is_final)
        return Reading(trust, self.guess_receipts, self.receipt_timezone_minutes)

    def rules(self) -> dict[int, StatusRule]:
        """`status_table`, by number."""
        return {_number(code): StatusRule(rule.next, rule.reason) for code, rule in self.status_table.items()}


def read_config(settings: Mapping[str, object]) -> SmppConfig:
    """The settings as a checked value. Raises Misconfigured; its text names the setting, not its value."""
    try:
        return msgspec.convert(settings, SmppConfig)
    except msgspec.ValidationError as wrong:
        raise Misconfigured(f"SMPP connector: {wrong}") from None


def _number(code: str) -> int:
    try:
        return int(code, 0)
    except ValueError:
        raise ValueError(f"`status_table` has {code!r}, which is no number") from None
