"""What a session reports. The client acts on it; the session itself never touches a socket."""

from typing import Generic, TypeVar

import msgspec

from tidings.connectors.smpp.pdu import DataSm, DeliverSm, GenericNack, SubmitSmResp, decode
from tidings.domain.outcome import Taken

Token = TypeVar("Token")


class Bound(msgspec.Struct, frozen=True):
    """The peer took our bind."""

    version: int | None  # the peer's interface version; None = it did not say: send it no TLVs


class BindRefused(msgspec.Struct, frozen=True):
    """The peer refused our bind. The session is over."""

    status: int


class Took(msgspec.Struct, Generic[Token], frozen=True):
    """The peer took submissions in time, and its answers say nothing more than their ids."""

    answers: list[tuple[Token, Taken]]  # of those that came one right behind the other; no id is empty


class Answered(msgspec.Struct, Generic[Token], frozen=True):
    """The peer answered a submission otherwise. `late`: Overdue was reported for it before."""

    token: Token
    answer: SubmitSmResp | GenericNack
    raw: bytes
    late: bool


class Overdue(msgspec.Struct, Generic[Token], frozen=True):
    """No answer came in time. One that still comes is reported as late while it is remembered."""

    token: Token


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """The peer wants a receipt or a message taken. Answer it with `Session.acknowledge`, once it is stored."""

    command_id: int
    sequence: int
    raw: bytes  # a whole PDU, and one that can be read

    def pdu(self) -> DeliverSm | DataSm:
        """What it says. Read when asked for: ordinary receipts are read without it."""
        pdu = decode(self.raw)
        assert isinstance(pdu, DeliverSm | DataSm)
        return pdu


class Stray(msgspec.Struct, frozen=True):
    """A PDU that nobody waits for: an answer to nothing of ours, or a request that we refused."""

    command_id: int
    status: int
    sequence: int


class Leaving(msgspec.Struct, frozen=True):
    """The peer asked to end the session: nothing more is submitted on it."""


class Closed(msgspec.Struct, frozen=True):
    """The session is over: write what is left in the outbox, then close the connection."""

    cause: str


Event = (
    Bound
    | BindRefused
    | Took[Token]
    | Answered[Token]
    | Overdue[Token]
    | Delivered
    | Stray
    | Leaving
    | Closed
)


class Lost(msgspec.Struct, Generic[Token], frozen=True):
    """A submission without an answer when its session ended. `written`: its octets may have left us."""

    token: Token
    written: bool
