"""What a session reports. The client acts on it; the session itself never touches a socket."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from tidings.connectors.smpp.pdu import DataSm, DeliverSm, GenericNack, SubmitSmResp

Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Bound:
    """The peer took our bind."""

    version: int | None  # the peer's interface version; None = it did not say: send it no TLVs


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The peer refused our bind. The session is over."""

    status: int


@dataclass(frozen=True, slots=True)
class Answered(Generic[Token]):
    """The peer answered a submission. `late`: Overdue was reported for it before."""

    token: Token
    answer: SubmitSmResp | GenericNack
    raw: bytes
    late: bool


@dataclass(frozen=True, slots=True)
class Overdue(Generic[Token]):
    """No answer came in time. One that still comes is reported as late while it is remembered."""

    token: Token


@dataclass(frozen=True, slots=True)
class Delivered:
    """The peer wants a receipt or a message taken. Answer it with `Session.acknowledge`, once it is stored."""

    pdu: DeliverSm | DataSm
    raw: bytes


@dataclass(frozen=True, slots=True)
class Stray:
    """A PDU that nobody waits for: an answer to nothing of ours, or a request that we refused."""

    command_id: int
    status: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """The peer asked to end the session: nothing more is submitted on it."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over: write what is left in the outbox, then close the connection."""

    cause: str


Event = Bound | BindRefused | Answered[Token] | Overdue[Token] | Delivered | Stray | Leaving | Closed


@dataclass(frozen=True, slots=True)
class Lost(Generic[Token]):
    """A submission without an answer when its session ended. `written`: its octets may have left us."""

    token: Token
    written: bool
