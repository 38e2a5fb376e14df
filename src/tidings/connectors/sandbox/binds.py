"""Who may bind, as what, and how many at once."""

from hmac import compare_digest

from tidings.connectors.sandbox.book import Book
from tidings.connectors.sandbox.events import Turned
from tidings.connectors.sandbox.faults import Faults
from tidings.connectors.sandbox.outbox import Outbox
from tidings.connectors.sandbox.peer import UNBOUND, Binding, Peer
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.smpp.codes import Command, Status, Tlv
from tidings.connectors.smpp.pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
)

Bind = BindReceiver | BindTransmitter | BindTransceiver
BindResp = type[BindReceiverResp] | type[BindTransmitterResp] | type[BindTransceiverResp]

VERSION = 0x34
OWN_SYSTEM_ID = "sandbox"

_KINDS: dict[int, tuple[Binding, BindResp]] = {
    Command.BIND_TRANSMITTER: (Binding(submits=True, receives=False), BindTransmitterResp),
    Command.BIND_RECEIVER: (Binding(submits=False, receives=True), BindReceiverResp),
    Command.BIND_TRANSCEIVER: (Binding(submits=True, receives=True), BindTransceiverResp),
}


class Binds:
    """The bound sessions of the one account."""

    def __init__(self, settings: Settings, *, book: Book, faults: Faults, outbox: Outbox) -> None:
        self._settings = settings
        self._book = book
        self._faults = faults
        self._outbox = outbox
        self._bound: set[Peer] = set()

    def bind(self, request: Bind, peer: Peer) -> None:
        """Answer a bind. A refused peer that was not bound before is disconnected."""
        binding, response = _KINDS[request.command_id]
        status = self._refusal(request, peer)
        modern = request.interface_version >= VERSION
        tlvs = {int(Tlv.SC_INTERFACE_VERSION): bytes((VERSION,))} if modern and not status else {}
        system_id = None if status else OWN_SYSTEM_ID
        peer.send(response(sequence=request.sequence, status=status, system_id=system_id, tlvs=tlvs))
        if not status:
            self._join(peer, binding=binding, modern=modern)
        elif peer.binding is UNBOUND:
            peer.close()

    def left(self, peer: Peer) -> None:
        """The session ended, however it did."""
        self._bound.discard(peer)
        self._outbox.left(peer)

    def _refusal(self, request: Bind, peer: Peer) -> int:
        # Both are always compared, so that time does not tell which of them was wrong.
        known = _same(request.system_id, self._settings.system_id)
        proved = _same(request.password, self._settings.password)
        if not (known and proved):
            return Status.ESME_RBINDFAIL
        if peer.binding is not UNBOUND or len(self._bound) >= self._settings.sessions_max:
            return Status.ESME_RALYBND
        if status := self._faults.bind():
            self._book.turned(Turned(self._book.now(), status))
        return status

    def _join(self, peer: Peer, *, binding: Binding, modern: bool) -> None:
        peer.binding, peer.takes_tlvs = binding, modern
        self._bound.add(peer)
        if binding.receives:
            self._outbox.joined(peer)


def _same(given: str, right: str) -> bool:
    return compare_digest(given.encode("latin-1", "replace"), right.encode("latin-1", "replace"))
