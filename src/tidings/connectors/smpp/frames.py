"""Cuts the byte stream of an SMPP session into PDUs. No socket here: bytes in, whole frames out.

A frame starts with its own length, so a length that cannot be true leaves nothing to resynchronise on: the
frames before it are still good, everything after it is lost, and the session must be closed.
"""

from collections.abc import Iterator
from struct import Struct

HEADER_OCTETS = 16
PDU_OCTETS_MAX = 128 * 1024
"""The largest PDU we take. The specification sets no limit; a `message_payload` may hold 64 KiB."""

_LENGTH = Struct(">I")


class BadFrame(Exception):
    """The stream cannot be read any further: `command_length` is not that of a PDU."""

    def __init__(self, length: int) -> None:
        super().__init__(f"command_length {length} is outside {HEADER_OCTETS}..{PDU_OCTETS_MAX}")
        self.length = length


class Framer:
    """Holds what has arrived of an unfinished PDU: less than `PDU_OCTETS_MAX` octets between two calls."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = _LENGTH.size  # nothing can be said before this many octets are there
        self._bad: int | None = None

    @property
    def held(self) -> int:
        """Octets of the unfinished PDU held now."""
        return len(self._held)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield every frame that `chunk` completes, then raise BadFrame if what follows is not one.

        A generator, so that good PDUs which share a read with a bad one are never lost. Frames that are not
        iterated stay held and come with the next call. After BadFrame every call raises it again.
        """
        if self._bad is not None:
            raise BadFrame(self._bad)
        buffer, start = self._together(chunk), 0
        if not buffer:
            return
        have, self._wanted = len(buffer), _LENGTH.size
        try:
            while have - start >= _LENGTH.size:
                length: int = _LENGTH.unpack_from(buffer, start)[0]
                if not HEADER_OCTETS <= length <= PDU_OCTETS_MAX:
                    self._bad, start = length, have
                    raise BadFrame(length)
                if have - start < length:
                    self._wanted = length
                    return
                start += length
                yield buffer[start - length : start]
        finally:
            self._held += buffer[start:]

    def _together(self, chunk: bytes) -> bytes:
        """What is held and this; as long as that is no whole PDU, nothing, and all is held."""
        if not self._held:
            return chunk
        self._held += chunk
        if len(self._held) < self._wanted:
            return b""
        buffer = bytes(self._held)
        self._held.clear()
        return buffer
