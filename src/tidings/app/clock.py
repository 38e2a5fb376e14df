"""The real time; everything else is handed a clock."""

from datetime import UTC, datetime


class SystemClock:
    """The system's time, aware UTC."""

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)
