"""Takes or refuses submissions, and answers questions about them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from tidings.connectors.sandbox.agenda import Agenda
from tidings.connectors.sandbox.book import Book
from tidings.connectors.sandbox.content import (
    ADDRESS_CHARACTERS_MAX,
    Content,
    content_of,
    destination_of,
    source_of,
)
from tidings.connectors.sandbox.events import Refused, Took, Unheard
from tidings.connectors.sandbox.faults import Faults
from tidings.connectors.sandbox.messages import Message
from tidings.connectors.sandbox.outbox import Outbox
from tidings.connectors.sandbox.outcomes import ENROUTE, Outcome, Verdict, When, outcome_of, wanted
from tidings.connectors.sandbox.pace import Pace
from tidings.connectors.sandbox.peer import Peer
from tidings.connectors.sandbox.plan import Cut, Plan
from tidings.connectors.sandbox.receipts import id_from_query, response_frame
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.smpp.codes import RESPONSE, Status
from tidings.connectors.smpp.pdu import Other, SubmitSm, SubmitSmResp

Judge = Callable[[SubmitSm], Outcome]
"""Decides what becomes of a message; by default its destination does."""


def by_destination(submit: SubmitSm) -> Outcome:
    """The outcome that the destination's last four digits ask for."""
    return outcome_of(submit.destination_addr)


class Desk:
    """One SMSC account's front desk. What it takes is in the book before the response is written."""

    def __init__(
        self,
        settings: Settings,
        *,
        book: Book,
        agenda: Agenda,
        outbox: Outbox,
        faults: Faults,
        judge: Judge = by_destination,
    ) -> None:
        self._faults = faults
        self._last: Took | None = None
        self._settings = settings
        self._book = book
        self._agenda = agenda
        self._outbox = outbox
        self._judge = judge
        self._now = asyncio.get_running_loop().time
        self._pace = Pace(settings.throughput_per_s, now=self._now())
        self._held: dict[int, tuple[Peer, bytes]] = {}
        self.closed = False  # takes no more

    def submit(self, submit: SubmitSm, peer: Peer) -> Cut | None:
        """Take a submission or refuse it. The response follows now or later, unless a script has it otherwise;
        a script may also want the session to end now."""
        content, outcome = content_of(submit), self._judge(submit)
        busy = self._busy(peer)
        status = busy or _malformed(submit) or outcome.refusal
        if status:
            self._refuse(submit, content, name="busy" if busy else outcome.name, status=status, peer=peer)
            return None
        plan = self._faults.plan(submit.destination_addr, content, outcome)
        if plan.refusal:
            self._refuse(submit, content, name=plan.faults[0], status=plan.refusal, peer=peer)
            return plan.cut
        report_s = self._report_after_s(plan)
        message = self._take(submit, content, plan=plan, due=self._book.now() + report_s, session=peer.number)
        self._respond(message, sequence=submit.sequence, peer=peer, plan=plan)
        self._outbox.owe(message, delay_s=report_s, by=peer)
        return plan.cut

    def unheard(self, submit: SubmitSm) -> None:
        """Write down a submission that came by a session that a script had ended."""
        content = content_of(submit)
        self._book.unheard(
            Unheard(
                at=self._book.now(),
                source=source_of(submit),
                destination=destination_of(submit),
                part=content.part,
                digest=content.digest,
            )
        )

    def query(self, query: Other, peer: Peer) -> None:
        """Answer a query_sm by what really becomes of the message, however its receipts lie."""
        text, _, _ = query.body.partition(b"\0")
        message_id = id_from_query(text.decode("latin-1"), self._settings.id_form)
        message = self._book.truth.find(message_id) if message_id is not None else None
        if message is None:
            body, status = b"", int(Status.ESME_RINVMSGID)
        else:
            body, status = text + b"\0" + self._state(message), 0
        peer.send(Other(query.command_id | RESPONSE, sequence=query.sequence, status=status, body=body))

    def close(self) -> None:
        """Take no more, and give the responses that are still held back."""
        self.closed = True
        for message_id in list(self._held):
            self._release(message_id)

    def _busy(self, peer: Peer) -> int:
        """A status that asks to try again, for reasons that are not the message's; 0 if there is none."""
        if self.closed or self._book.truth.full:
            return Status.ESME_RMSGQFUL
        if peer.waiting >= self._settings.submit_window or not self._pace.allows(self._now()):
            return Status.ESME_RTHROTTLED
        return Status.ESME_ROK

    def _report_after_s(self, plan: Plan) -> float:
        settings, when = self._settings, plan.outcome.when
        if when is When.EARLY:
            return 0.0
        delay_s = settings.late_delay_s if when is When.LATE else settings.receipt_delay_s
        answer_s = settings.response_delay_s if plan.answer_after_s is None else plan.answer_after_s
        return answer_s + delay_s

    def _take(self, submit: SubmitSm, content: Content, *, plan: Plan, due: float, session: int) -> Message:
        outcome = plan.outcome
        asked = wanted(outcome.receipts, submit.registered_delivery)
        manners = zip(outcome.receipts, plan.manners, strict=False)
        message_id = self._book.next_id()
        # Two messages to one number under one id could be told apart by nobody.
        twin = self._last if self._last and self._last.destination != destination_of(submit) else None
        took = self._last = Took(
            id=message_id,
            at=self._book.now(),
            source=source_of(submit),
            destination=destination_of(submit),
            part=content.part,
            digest=content.digest,
            outcome=outcome.name,
            end=outcome.end,
            due=due,
            receipts=asked,
            when=outcome.when,
            in_turn=outcome.in_turn,
            session=session,
            faults=plan.faults,
            manners=tuple([manner for verdict, manner in manners if verdict in asked]),
            alias=twin.shown_id if twin and plan.same_id else None,
        )
        return self._book.took(took, head=content.head)

    def _refuse(self, submit: SubmitSm, content: Content, *, name: str, status: int, peer: Peer) -> None:
        peer.send(SubmitSmResp(sequence=submit.sequence, status=status, message_id=None))
        self._book.refused(
            Refused(
                at=self._book.now(),
                source=source_of(submit),
                destination=destination_of(submit),
                part=content.part,
                digest=content.digest,
                outcome=name,
                status=status,
            )
        )

    def _respond(self, message: Message, *, sequence: int, peer: Peer, plan: Plan) -> None:
        if not plan.answered:
            self._book.unanswered(message.took.id)
            return
        shown_id = message.took.shown_id if plan.with_id else None
        frame = response_frame(shown_id, sequence=sequence, form=self._settings.id_form)
        early = message.took.when is When.EARLY
        delay_s = self._settings.early_by_s if early else self._settings.response_delay_s
        if plan.answer_after_s is not None:
            delay_s = plan.answer_after_s
        if delay_s <= 0 and not early:
            peer.send_frame(frame)
            return
        peer.waiting += 1
        self._held[message.took.id] = peer, frame
        self._agenda.after(delay_s, lambda: self._release(message.took.id))

    def _release(self, message_id: int) -> None:
        if message_id in self._held:
            peer, frame = self._held.pop(message_id)
            peer.waiting -= 1
            if not peer.send_frame(frame):
                self._book.unanswered(message_id)

    def _state(self, message: Message) -> bytes:
        """final_date, message_state and error_code of a query_sm_resp; the date only of what is final."""
        final = self._book.now() >= message.took.due
        verdict: Verdict = message.took.end if final else ENROUTE
        date = datetime.fromtimestamp(message.took.due, UTC).strftime("%y%m%d%H%M%S000+") if final else ""
        return date.encode("ascii") + b"\0" + bytes((verdict.state, int(verdict.err)))


def _malformed(submit: SubmitSm) -> int:
    """The status for addresses that no specification allows; 0 if they will do."""
    if len(submit.source_addr) > ADDRESS_CHARACTERS_MAX:
        return Status.ESME_RINVSRCADR
    if not 0 < len(submit.destination_addr) <= ADDRESS_CHARACTERS_MAX:
        return Status.ESME_RINVDSTADR
    return Status.ESME_ROK
