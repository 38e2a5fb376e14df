"""Ordinary submissions, remembered as they came: one part of plain text to a number that is delivered to.

They are nearly all that a simulated SMSC gets under load. Reading one into a PDU, a plan, an event and a message
costs ten times what its answer and its receipt do, and nobody may ever ask for it. So the frame is kept, and
read when somebody does ask (`message`). Tests hold what is written here against the long way.
"""

import re
from struct import Struct

from tidings.connectors.sandbox.content import HEAD_CHARACTERS, content_of, destination_of, head_of, source_of
from tidings.connectors.sandbox.events import Took
from tidings.connectors.sandbox.messages import Message, Telling
from tidings.connectors.sandbox.outcomes import OTHERWISE, OUTCOMES
from tidings.connectors.sandbox.receipts import MINUTE_S, minute
from tidings.connectors.sandbox.settings import IdForm
from tidings.connectors.smpp.codes import Command, EsmClass, Tlv
from tidings.connectors.smpp.frames import HEADER_OCTETS
from tidings.connectors.smpp.pdu import SubmitSm, decode

_HEADER = Struct(">IIII")
_RESPONSE, _REQUEST = int(Command.SUBMIT_SM_RESP), int(Command.DELIVER_SM)
_ESCAPE = b"\x1b"

# Groups: source and destination as they stand there, type and numbering plan in front, NUL behind.
_SUBMIT = re.compile(
    rb".{4}\0\0\0\x04.{8}"  # header
    rb"[^\0]{0,5}\0(..[^\0]{0,20}\0)(..[^\0]{1,20}\0)"  # service type, addresses
    rb"[\0-\x3f\x80-\xbf].."  # esm_class without a user data header, protocol_id, priority_flag
    rb"[^\0]{0,16}\0[^\0]{0,16}\0"  # schedule_delivery_time, validity_period
    rb"[\x01\x11].\0.[^\0]",  # registered_delivery 1, data_coding 0, sm_length above 0
    re.DOTALL,
)
_UNUSUAL = frozenset(ending.encode("ascii") for ending in OUTCOMES)
_HEADS = b"".join(head_of(bytes((octet,)), data_coding=0) for octet in range(256))  # of texts without escapes
_RECEIPT = b"\0%b%b" + bytes((EsmClass.DELIVERY_RECEIPT,)) + b"\0" * 8 + b"%cid:%b%b%b"
_TLVS = Tlv.RECEIPTED_MESSAGE_ID.to_bytes(2) + b"\0%c%b\0" + Tlv.MESSAGE_STATE.to_bytes(2) + b"\0\1\2"


class Turn:
    """What those that came together share. Times are seconds since 1970; `due` is when their receipts leave."""

    __slots__ = ("at", "due", "id_form", "session", "shown_as", "words")

    def __init__(self, *, at: float, due: float, session: int, id_form: IdForm) -> None:
        self.at, self.due, self.session, self.id_form = at, due, session, id_form
        self.shown_as = b"%x" if id_form is IdForm.HEX else b"%d"
        self.words = (
            b" sub:001 dlvrd:001 submit date:%b done date:%b stat:DELIVRD err:000 text:"
            % (minute(int(at // MINUTE_S)), minute(int(due // MINUTE_S)))
        )  # fmt: skip


class Plain(Telling, gc=False, kw_only=True):
    """One that was taken, and its one receipt. It can stand wherever an `Owed` can."""

    id: int
    frame: bytes
    source: bytes
    destination: bytes
    head: bytes
    turn: Turn

    n = 0
    avoid = None

    @property
    def telling(self) -> Telling:
        """How often its receipt was sent, and how that was answered."""
        return self

    @property
    def message(self) -> Message:
        """The same the long way."""
        submit, turn = decode(self.frame), self.turn
        assert isinstance(submit, SubmitSm)
        content = content_of(submit)
        took = Took(
            id=self.id,
            at=turn.at,
            source=source_of(submit),
            destination=destination_of(submit),
            part=content.part,
            digest=content.digest,
            outcome=OTHERWISE.name,
            end=OTHERWISE.end,
            due=turn.due,
            receipts=OTHERWISE.receipts,
            when=OTHERWISE.when,
            in_turn=OTHERWISE.in_turn,
            session=turn.session,
        )
        return Message(took, (self,), content.head)

    def response(self) -> bytes:
        """Its submit_sm_resp."""
        shown_id = (b"%d\0" if self.turn.id_form is IdForm.DECIMAL else b"%x\0") % self.id
        sequence = int.from_bytes(self.frame[12:HEADER_OCTETS])
        return _HEADER.pack(HEADER_OCTETS + len(shown_id), _RESPONSE, 0, sequence) + shown_id

    def receipt(self, *, sequence: int, tlvs: bool) -> bytes:
        """Its deliver_sm, as `receipts.receipt_frame` writes it."""
        turn, head = self.turn, self.head
        shown_id = turn.shown_as % self.id
        octets = 3 + len(shown_id) + len(turn.words) + len(head)
        body = _RECEIPT % (self.destination, self.source, octets, shown_id, turn.words, head)
        if tlvs:
            body += _TLVS % (len(shown_id) + 1, shown_id)
        return _HEADER.pack(HEADER_OCTETS + len(body), _REQUEST, 0, sequence) + body


def plain(frame: bytes, *, id: int, turn: Turn) -> Plain | None:
    """A submit_sm as such a message; None if it is anything else, and has to go the long way."""
    found = _SUBMIT.match(frame)
    if found is None:
        return None
    text_at = found.end()
    head = frame[text_at : text_at + HEAD_CHARACTERS]
    destination = found[2]
    # The text ends the frame: there are no TLVs.
    if len(frame) != text_at + frame[text_at - 1] or destination[-5:-1] in _UNUSUAL or _ESCAPE in head:
        return None
    head = head.translate(_HEADS)
    return Plain(id=id, frame=frame, source=found[1], destination=destination, head=head, turn=turn)
