"""`.tidings/dev.json`: what scripts may want to know of a running `tidings dev`, and its keys over a restart."""

import os
from pathlib import Path

import msgspec

MAX_BYTES = 64 * 1024


class DevFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What scripts may want to know, as `.tidings/dev.json` holds it."""

    http: str
    console: str
    live_key: str
    test_key: str
    basic_user: str
    basic_password: str
    smsc: str  # host:port
    database_url: str


def read(facts_file: Path) -> dict[str, str] | None:
    """What an earlier start wrote; None if it is gone or no longer readable, which makes new keys."""
    try:
        with facts_file.open("rb") as file:
            facts = msgspec.json.decode(file.read(MAX_BYTES), type=DevFacts)
    except (OSError, msgspec.DecodeError):
        return None
    return msgspec.structs.asdict(facts)


def write(facts_file: Path, facts: DevFacts) -> None:
    """Replace the file."""
    write_private(facts_file, msgspec.json.format(msgspec.json.encode(facts)) + b"\n")


def write_private(file: Path, content: bytes) -> None:
    """Replace a file at once, readable only by its owner: it holds secrets."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file)
