"""What an operator may change about BSG REST v1; the defaults are the documented behaviour."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits and defaults of the dialect."""

    max_body_bytes: int = 16 * 1024 * 1024
    max_form_bytes: int = 64 * 1024  # a form carries one recipient
    max_rows: int = 10_000  # recipients of one request
    default_validity_h: int = 72
    max_validity_h: int = 72
    max_septets: int = 765  # five parts of 153
    max_ucs2_units: int = 355
    max_sender_chars: int = 15
    past_schedule_ok_s: int = 300  # a start this far in the past is a slow clock and means now
    max_schedule_ahead_d: int = 366
