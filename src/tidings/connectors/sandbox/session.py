"""One connection to the simulated SMSC: bytes in, to whoever answers them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from tidings.connectors.sandbox.binds import Bind, Binds
from tidings.connectors.sandbox.desk import Desk
from tidings.connectors.sandbox.lane import Lane
from tidings.connectors.sandbox.outbox import Outbox
from tidings.connectors.sandbox.peer import UNBOUND, Peer
from tidings.connectors.sandbox.plan import Cut
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.smpp.codes import RESPONSE, Command, Status
from tidings.connectors.smpp.frames import BadFrame, Framer
from tidings.connectors.smpp.pdu import (
    AnyPdu,
    BadPdu,
    DataSmResp,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Other,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    decode,
    encode,
)

Handler = Callable[[Any], None]  # of the one PDU class that its command id decodes to


class Session(asyncio.Protocol):
    """Reads one peer. `lost` is called once, when the connection is gone; `lane` is the short way, if it is open."""

    def __init__(
        self,
        peer: Peer,
        *,
        binds: Binds,
        desk: Desk,
        outbox: Outbox,
        lost: Callable[["Session"], None],
        lane: Lane | None = None,
    ) -> None:
        self.peer = peer
        self._now = asyncio.get_running_loop().time
        self.heard_at = self._now()  # the last bytes; a session exists a moment before its connection does
        self.enquired = False  # since then
        self._binds = binds
        self._desk = desk
        self._outbox = outbox
        self._lost = lost
        self._lane = lane
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._handlers: dict[int, Handler] = {
            Command.SUBMIT_SM: self._submit,
            Command.DELIVER_SM_RESP: self._answered,
            Command.DATA_SM_RESP: self._answered,
            Command.GENERIC_NACK: self._answered,
            Command.ENQUIRE_LINK: self._enquired,
            Command.ENQUIRE_LINK_RESP: _ignored,
            Command.QUERY_SM: self._query,
            Command.BIND_TRANSMITTER: self._bind,
            Command.BIND_RECEIVER: self._bind,
            Command.BIND_TRANSCEIVER: self._bind,
            Command.UNBIND: self._unbind,
            Command.UNBIND_RESP: self._unbound,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the connection stands."""
        self._transport = cast(asyncio.Transport, transport)
        self.peer.connected(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        self.peer.closing = True
        self._binds.left(self.peer)
        self._lost(self)

    def pause_writing(self) -> None:
        """Asyncio: the peer does not read. It is not heard either until it does, so that nothing piles up."""
        self.peer.choked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Asyncio: it reads again."""
        self.peer.choked = False
        if self._transport is not None:
            self._transport.resume_reading()
        self._outbox.resumed()

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes came."""
        self.heard_at, self.enquired = self._now(), False
        try:
            if self._lane is None:
                for frame in self._framer.feed(data):
                    self._frame(frame)
            else:
                self._shortly(data, self._lane)
        except BadFrame:
            self.peer.send(GenericNack(sequence=0, status=Status.ESME_RINVCMDLEN))
            self.peer.close()

    def check(self, *, now: float, settings: Settings) -> None:
        """Look after a peer that says nothing: ask whether it is there, and drop it if it stays silent."""
        silent_s = now - self.heard_at
        if self.peer.binding is UNBOUND:
            if silent_s > settings.bind_within_s:
                self.peer.close()
        elif silent_s > 2 * settings.enquire_after_s:
            self.peer.abort()
        elif silent_s > settings.enquire_after_s and not self.enquired:
            self.enquired = True
            self.peer.send(EnquireLink(sequence=self.peer.next_sequence()))

    def part(self) -> None:
        """Ask for the orderly end of a bound session, end another one."""
        if self.peer.binding is UNBOUND:
            self.peer.close()
        else:
            self.peer.send(Unbind(sequence=self.peer.next_sequence()))

    def _shortly(self, data: bytes, lane: Lane) -> None:
        try:
            for frame in self._framer.feed(data):
                if not lane.took(frame):
                    lane.done()  # answers leave in the order of the requests
                    self._frame(frame)
        finally:
            lane.done()

    def _frame(self, frame: bytes) -> None:
        if self.peer.closing or (self.peer.cut and not self._heard(frame)):
            return
        try:
            pdu = decode(frame)
        except BadPdu as bad:
            self.peer.send(GenericNack(sequence=bad.header.sequence, status=Status.ESME_RINVCMDLEN))
            return
        handler = self._handlers.get(pdu.command_id)
        if handler is not None:
            handler(pdu)
        elif not pdu.command_id & RESPONSE:
            self.peer.send(GenericNack(sequence=pdu.sequence, status=Status.ESME_RINVCMDID))

    def _heard(self, frame: bytes) -> bool:
        """Whether a frame is still heard after the cut. A submission is written down as lost."""
        with suppress(BadPdu):
            pdu = decode(frame)
            if isinstance(pdu, SubmitSm):
                self._desk.unheard(pdu)
            return self.peer.cut is Cut.UNBIND and bool(pdu.command_id & RESPONSE)
        return False

    def _submit(self, submit: SubmitSm) -> None:
        if self.peer.binding.submits:
            cut = self._desk.submit(submit, self.peer)
            if cut is not None:
                self._cut(cut)
        else:
            status = Status.ESME_RINVBNDSTS
            self.peer.send(SubmitSmResp(sequence=submit.sequence, status=status, message_id=None))

    def _cut(self, cut: Cut) -> None:
        """End the session by a script's will. What it was told and has not acknowledged goes to another one."""
        goodbye = encode(Unbind(sequence=self.peer.next_sequence())) if cut is Cut.UNBIND else b""
        self.peer.end(cut, last_words=goodbye)
        self._binds.left(self.peer)

    def _query(self, query: Other) -> None:
        if self.peer.binding.submits:
            self._desk.query(query, self.peer)
        else:
            self.peer.send(Other(Command.QUERY_SM_RESP, query.sequence, Status.ESME_RINVBNDSTS))

    def _answered(self, answer: DeliverSmResp | DataSmResp | GenericNack) -> None:
        self._outbox.answered(self.peer, sequence=answer.sequence, status=answer.status)

    def _bind(self, bind: Bind) -> None:
        self._binds.bind(bind, self.peer)

    def _enquired(self, enquiry: EnquireLink) -> None:
        self.peer.send(EnquireLinkResp(sequence=enquiry.sequence))

    def _unbind(self, unbind: Unbind) -> None:
        self.peer.send(UnbindResp(sequence=unbind.sequence))
        self.peer.close()

    def _unbound(self, _: UnbindResp) -> None:
        self.peer.close()


def _ignored(_: AnyPdu) -> None:
    """That anything came was noted already."""
