"""Times as people read them: UTC, to the millisecond, and how long after the beginning."""

from datetime import UTC, datetime, timedelta

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def shown(at: datetime) -> str:
    """`2026-03-02 12:00:00.000`, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def machine(at: datetime) -> str:
    """The same moment for programs: `2026-03-02T12:00:00.000Z`."""
    return shown(at).replace(" ", "T") + "Z"


def lasting(span: timedelta) -> str:
    """The two largest units of a span: `3 d 4 h`, `2 min 5 s`, `0.8 s`; below zero as zero."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    left, words = int(seconds), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]).removesuffix(" 0 h").removesuffix(" 0 min").removesuffix(" 0 s")
