"""The file behind the truth: appended to in batches, read at the start, never rewritten."""

import fcntl
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from tidings.connectors.sandbox.events import Event
from tidings.domain.errors import Misconfigured

LINE_OCTETS_MAX = 4096

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Event)


class Journal:
    """One append-only JSON-lines file, held by one process.

    `flush` hands the lines to the operating system in one write. They survive the death of this process, not
    that of the machine. A line torn by a full disk or a lost machine was never answered for, and is cut off at
    the next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[Event] = []
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"cannot open the state file {path}: {error.strerror}; see --state"
            ) from error
        self._lock()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            message = (
                f"another simulated SMSC uses the state file {self._path}; give this one its own --state"
            )
            raise Misconfigured(message) from error

    def read(self) -> Iterator[Event]:
        """Every event so far, oldest first. Cuts off a torn last line."""
        with self._path.open("rb") as file:
            whole = yield from _events(file, self._path)
        os.ftruncate(self._fd, whole)

    def append(self, event: Event) -> None:
        """Remember a line for the next flush."""
        self._lines.append(event)

    def flush(self) -> None:
        """Write what gathered. Raises OSError: then nothing may be answered any more."""
        if not self._lines:
            return
        octets = memoryview(_ENCODER.encode_lines(self._lines))
        self._lines.clear()
        while octets:
            octets = octets[os.write(self._fd, octets) :]

    def close(self) -> None:
        """Flush and let go of the file."""
        try:
            self.flush()
        finally:
            os.close(self._fd)


def read_events(path: Path) -> Iterator[Event]:
    """The events in a state file, also while a simulated SMSC writes to it; a torn last line is left out."""
    with path.open("rb") as file:
        yield from _events(file, path)


def _events(file: BinaryIO, path: Path) -> Generator[Event, None, int]:
    """Yield the events of whole lines; the generator's value is the number of octets they take."""
    whole = 0
    while line := file.readline(LINE_OCTETS_MAX):
        if not line.endswith(b"\n") and len(line) < LINE_OCTETS_MAX:
            break
        try:
            yield _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            raise Misconfigured(f"{path} is not a state file of the simulated SMSC: {error}") from error
        whole += len(line)
    return whole
