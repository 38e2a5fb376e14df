"""What courier and clerk have in common."""

from datetime import timedelta

from tidings.app.config import Config
from tidings.flows.dispatch import Waits


def waits(config: Config) -> Waits:
    """How long the outside world is waited for."""
    return Waits(
        doubt=timedelta(seconds=config.courier.doubt_wait_s),
        doubt_otp=timedelta(seconds=config.courier.doubt_wait_otp_s),
        receipt_grace=timedelta(seconds=config.courier.receipt_grace_s),
    )
