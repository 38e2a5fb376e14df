"""Octets on their way out, for scripts that break them up or hold them together. Their order stays."""

import asyncio
from collections.abc import Callable

from tidings.connectors.sandbox.script import Fault, Rule

Tamper = Callable[[], Rule | None]
"""What happens to the octets that are written next."""

CUTS = 4  # a write that is split arrives in this many pieces, or an octet at a time if it is shorter


class TamperedTransport:
    """What a peer uses of a transport, with pauses in it."""

    def __init__(self, transport: asyncio.Transport, tamper: Tamper) -> None:
        self._transport = transport
        self._tamper = tamper
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._then: Callable[[], None] | None = None  # once nothing waits

    def write(self, octets: bytes) -> None:
        """Now, in pieces, or later together with what comes next."""
        if not octets:
            return
        rule = self._tamper()
        split = rule is not None and rule.fault is Fault.SPLIT_PDUS
        self._waiting += _pieces(octets) if split else [octets]
        if rule is None and self._timer is None:
            self._release()
        elif rule is not None and self._timer is None:
            self._pause(rule, first=split)

    def write_eof(self) -> None:
        """Behind what waits."""
        self._finish(self._transport.write_eof)

    def close(self) -> None:
        """Behind what waits."""
        self._finish(self._transport.close)

    def abort(self) -> None:
        """At once."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        self._transport.abort()

    def _pause(self, rule: Rule, *, first: bool) -> None:
        if first:
            self._out(self._waiting.pop(0))
        together = rule.fault is Fault.MERGE_PDUS
        self._timer = self._loop.call_later(rule.delay_s, lambda: self._go_on(rule, together=together))

    def _go_on(self, rule: Rule, *, together: bool) -> None:
        self._timer = None
        if together or len(self._waiting) < 2:
            self._release()
        else:
            self._pause(rule, first=True)

    def _release(self) -> None:
        octets = b"".join(self._waiting)
        self._waiting.clear()
        self._out(octets)
        if self._then is not None:
            self._then()

    def _out(self, octets: bytes) -> None:
        """The connection may have ended during a pause."""
        if octets and not self._transport.is_closing():
            self._transport.write(octets)

    def _finish(self, then: Callable[[], None]) -> None:
        self._then = then
        if self._timer is None:
            then()


def _pieces(octets: bytes) -> list[bytes]:
    size = max(1, len(octets) // CUTS)
    return [octets[at : at + size] for at in range(0, len(octets), size)]
