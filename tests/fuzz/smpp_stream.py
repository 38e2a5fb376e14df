"""What must hold whatever octets a carrier sends: shared by the hypothesis tests and the atheris target."""

from datetime import UTC, datetime

from tidings.connectors.smpp.codes import RESPONSE
from tidings.connectors.smpp.events import Answered, Closed, Delivered, Event, Took
from tidings.connectors.smpp.frames import PDU_OCTETS_MAX, Framer
from tidings.connectors.smpp.ordinary_receipts import OrdinaryReceipts
from tidings.connectors.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    SubmitSm,
    body_of,
    decode,
    encode,
)
from tidings.connectors.smpp.receipts import Reading, read_receipt
from tidings.connectors.smpp.session import Phase, Session, Timers
from tidings.connectors.smpp.words import ReceiptClass, Trust
from tidings.domain.status import State

NOW = datetime(2026, 5, 17, tzinfo=UTC)
CARRIER = Reading(Trust(ReceiptClass.CARRIER, err_is_map=True), guess=True)
ORDINARY = OrdinaryReceipts(CARRIER)


def bound_session(submissions: int = 3) -> Session[int]:
    """A bound session with submissions under the numbers 2, 3, 4, ..."""
    session: Session[int] = Session(Timers(), now=0)
    session.bind(BindTransceiver(), now=0)
    session.receive(encode(BindTransceiverResp(1)), now=0)
    for token in range(submissions):
        session.submit(body_of(SubmitSm()), token, now=0)
    session.take()
    return session


def hear(chunks: list[bytes]) -> tuple[list[Event[int]], bytes]:
    """Give a bound session these octets, then acknowledge what came; the events and the answers.

    Acknowledging last keeps the answers' order independent of how the octets were cut.
    """
    session = bound_session()
    events: list[Event[int]] = []
    for chunk in chunks:
        events += session.receive(chunk, now=0)
        assert session._framer.held < PDU_OCTETS_MAX
    for event in [one for one in events if isinstance(one, Delivered)]:
        receipt = read_receipt(event.pdu(), event.raw, CARRIER, now=NOW)
        assert ORDINARY.read(event.raw, now=NOW) in (None, receipt)
        assert receipt is None or receipt.said.state is not State.DELIVERED, "no handset vouched for it"
        events += session.acknowledge([event])
    written = session.take()
    check(session, events, written)
    return [alone for event in events for alone in _one_by_one(event)], written


def _one_by_one(event: Event[int]) -> list[Event[int]]:
    """How many answers are told together depends on how they came."""
    return [Took([one]) for one in event.answers] if isinstance(event, Took) else [event]


def check(session: Session[int], events: list[Event[int]], written: bytes) -> None:
    """One fate for each submission; only whole answers on the wire; closed once, if at all."""
    told = [event.token for event in events if isinstance(event, Answered)]
    told += [token for event in events if isinstance(event, Took) for token, _ in event.answers]
    lost = [one.token for one in session.lose()]
    assert sorted(told + lost) == [0, 1, 2]
    closed = [event for event in events if isinstance(event, Closed)]
    assert len(closed) <= 1 and session.phase is Phase.CLOSED
    for frame in Framer().feed(written):
        assert decode(frame).command_id & RESPONSE
