"""The session machine: stories of one session, then any order of anything."""

from collections import Counter
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tidings.connectors.smpp.codes import RESPONSE, SEQUENCE_MAX, Status, Tlv
from tidings.connectors.smpp.events import (
    Answered,
    BindRefused,
    Bound,
    Closed,
    Delivered,
    Event,
    Leaving,
    Lost,
    Overdue,
    Stray,
    Took,
)
from tidings.connectors.smpp.frames import Framer
from tidings.connectors.smpp.pdu import (
    AnyPdu,
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Other,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    body_of,
    decode,
    encode,
)
from tidings.connectors.smpp.session import Phase, Session, Timers
from tidings.domain.outcome import Taken

TIMERS = Timers(bind_s=30, answer_s=60, late_s=120, idle_s=30, probe_s=15, unbind_s=5)


BODY = body_of(SubmitSm(destination_addr="380501234567"))


def sent(session: Session[str]) -> list[AnyPdu]:
    """What the session puts on the wire."""
    return [decode(frame) for frame in Framer().feed(session.take())]


def told(session: Session[str], *pdus: AnyPdu, now: float = 0) -> list[Event[str]]:
    """What the session makes of PDUs that arrive together."""
    return session.receive(b"".join(encode(pdu) for pdu in pdus), now=now)


def bound(*submissions: str, now: float = 0) -> Session[str]:
    """A bound session with submissions on the wire; their sequence numbers count from 2."""
    session: Session[str] = Session(TIMERS, now=now)
    session.bind(BindTransceiver(system_id="us"), now=now)
    assert told(session, BindTransceiverResp(1), now=now) == [Bound(None)]
    for token in submissions:
        session.submit(BODY, token, now=now)
    session.take()
    return session


def took(token: str, pdu: SubmitSmResp) -> Took[str]:
    assert pdu.message_id
    return Took([(token, Taken(pdu.message_id, encode(pdu)))])


def delivered(pdu: DeliverSm | DataSm) -> Delivered:
    return Delivered(pdu.command_id, pdu.sequence, encode(pdu))


def answered(token: str, pdu: SubmitSmResp | GenericNack, *, late: bool = False) -> Answered[str]:
    return Answered(token, pdu, encode(pdu), late)


def test_a_session_is_bound_when_the_peer_says_so() -> None:
    session: Session[str] = Session(TIMERS, now=0)
    session.bind(BindTransceiver(system_id="us", password="secret"), now=0)
    assert sent(session) == [BindTransceiver(sequence=1, system_id="us", password="secret")]
    assert session.phase is Phase.BINDING
    told_version = BindTransceiverResp(1, system_id="smsc", tlvs={Tlv.SC_INTERFACE_VERSION: b"\x34"})
    assert told(session, told_version) == [Bound(0x34)]
    assert session.phase is Phase.BOUND


@pytest.mark.parametrize(
    "refusal", [BindTransceiverResp(1, Status.ESME_RBINDFAIL, None), GenericNack(1, Status.ESME_RBINDFAIL)]
)
def test_a_refused_bind_ends_the_session_and_says_why(refusal: AnyPdu) -> None:
    session: Session[str] = Session(TIMERS, now=0)
    session.bind(BindTransceiver(), now=0)
    assert told(session, refusal) == [BindRefused(Status.ESME_RBINDFAIL), Closed("bind_refused")]
    assert session.over


def test_a_bind_that_nobody_answers_ends_the_session() -> None:
    session: Session[str] = Session(TIMERS, now=0)
    session.bind(BindTransceiver(), now=0)
    assert session.due == 30
    assert session.tick(29.9) == []
    assert session.tick(30) == [Closed("unanswered")]


def test_answers_find_their_submissions_in_any_order() -> None:
    session = bound("a", "b", "c")
    second, first = SubmitSmResp(3, message_id="id-b"), SubmitSmResp(2, Status.ESME_RTHROTTLED, None)
    assert told(session, second, first) == [took("b", second), answered("a", first)]
    assert session.in_flight == 1


def test_a_nack_answers_a_submission_too() -> None:
    session, nack = bound("a"), GenericNack(2, Status.ESME_RINVCMDLEN)
    assert told(session, nack) == [answered("a", nack)]


def test_an_answer_is_taken_once() -> None:
    session, answer = bound("a"), SubmitSmResp(2, message_id="x")
    assert told(session, answer, answer) == [took("a", answer), Stray(answer.command_id, 0, 2)]


@pytest.mark.parametrize("message_id", ["", "x"])
def test_an_answer_to_what_was_never_written_is_nobodys(message_id: str) -> None:
    session = bound()
    session.submit(BODY, "a", now=0)
    assert told(session, SubmitSmResp(2, message_id=message_id)) == [Stray(SubmitSmResp.command_id, 0, 2)]
    assert session.lose() == [Lost("a", written=False)]


@pytest.mark.parametrize("pdu", [DeliverSmResp(2), SubmitSmResp(99), EnquireLinkResp(2), GenericNack(99)])
def test_an_answer_of_another_kind_or_number_leaves_the_submission_waiting(pdu: AnyPdu) -> None:
    session = bound("a")
    told(session, pdu)
    assert session.in_flight == 1


def test_an_overdue_submission_frees_the_window_and_its_late_answer_still_finds_it() -> None:
    session, answer = bound("a"), SubmitSmResp(2, message_id="x")
    told(session, EnquireLink(1), now=50)
    assert session.tick(59.9) == []
    assert session.tick(60) == [Overdue("a")]
    assert session.in_flight == 0
    assert sent(session) == [EnquireLinkResp(1), EnquireLink(3)], "an overdue answer makes us probe the link"
    assert told(session, answer, now=119) == [answered("a", answer, late=True)]
    assert told(session, answer, now=119) == [Stray(answer.command_id, 0, 2)]


def test_an_answer_that_is_later_than_late_is_nobodys() -> None:
    session, answer = bound("a"), SubmitSmResp(2, message_id="x")
    session.tick(60)
    told(session, EnquireLink(1), now=70)
    session.tick(120)
    assert told(session, answer, now=121) == [Stray(answer.command_id, 0, 2)]


def test_an_idle_link_is_probed_and_a_dead_one_given_up() -> None:
    session = bound()
    assert session.due == 30
    session.tick(30)
    assert sent(session) == [EnquireLink(2)]
    assert session.due == 45
    assert session.tick(44.9) == []
    assert session.tick(45) == [Closed("enquire_unanswered")]
    assert session.due == inf and session.tick(99) == []


@pytest.mark.parametrize("word", [EnquireLinkResp(2), EnquireLink(9), DeliverSm(9)])
def test_any_word_of_the_peer_proves_the_link_alive(word: AnyPdu) -> None:
    session = bound()
    session.tick(30)
    told(session, word, now=44)
    session.tick(45)
    assert session.phase is Phase.BOUND
    assert session.due == 74


def test_the_peers_probe_is_answered_whatever_we_are_doing() -> None:
    for session in (Session[str](TIMERS, now=0), bound("a")):
        told(session, EnquireLink(7))
        assert sent(session) == [EnquireLinkResp(7)]
    session = bound()
    session.unbind(now=0)
    told(session, EnquireLink(8))
    assert sent(session) == [Unbind(2), EnquireLinkResp(8)]


@pytest.mark.parametrize("message", [DeliverSm(5, short_message=b"x"), DataSm(5)])
def test_a_message_is_acknowledged_when_told_and_once(message: DeliverSm | DataSm) -> None:
    session = bound()
    assert told(session, message) == [delivered(message)]
    assert sent(session) == []
    session.acknowledge([delivered(message)])
    session.acknowledge([delivered(message)], Status.ESME_RX_T_APPN)
    (answer,) = sent(session)
    assert (answer.command_id, answer.sequence, answer.status) == (message.command_id | RESPONSE, 5, 0)


def test_a_message_that_could_not_be_kept_is_asked_for_again() -> None:
    session, message = bound(), DeliverSm(5)
    told(session, message)
    session.acknowledge([delivered(message)], Status.ESME_RX_T_APPN)
    assert sent(session) == [DeliverSmResp(5, Status.ESME_RX_T_APPN)]


def test_two_messages_under_one_number_get_an_answer_each() -> None:
    session, message = bound(), DeliverSm(5)
    told(session, message, message)
    for _ in range(3):
        session.acknowledge([delivered(message)])
    assert sent(session) == [DeliverSmResp(5), DeliverSmResp(5)]


def test_a_message_before_the_bind_is_refused() -> None:
    session: Session[str] = Session(TIMERS, now=0)
    session.bind(BindTransceiver(), now=0)
    session.take()
    assert told(session, DeliverSm(5)) == [Stray(DeliverSm.command_id, 0, 5)]
    assert sent(session) == [DeliverSmResp(5, Status.ESME_RINVBNDSTS)]


@pytest.mark.parametrize("request_", [SubmitSm(4), Other(0x03, 4), Other(0x7777, 4), BindTransceiver(4)])
def test_a_request_that_is_not_ours_to_serve_is_nacked_and_the_session_lives(request_: AnyPdu) -> None:
    session = bound("a")
    assert told(session, request_) == [Stray(request_.command_id, 0, 4)]
    assert sent(session) == [GenericNack(4, Status.ESME_RINVCMDID)]
    assert session.phase is Phase.BOUND


def test_an_alert_has_no_answer() -> None:
    session = bound()
    told(session, Other(0x0102, 4))
    assert sent(session) == []


def test_a_request_without_its_fields_is_nacked_and_the_session_lives() -> None:
    session = bound()
    broken = bytes.fromhex("00000012000000050000000000000009") + b"x\0"
    assert session.receive(broken, now=0) == [Stray(DeliverSm.command_id, 0, 9)]
    assert sent(session) == [GenericNack(9, Status.ESME_RINVCMDLEN)]
    assert session.phase is Phase.BOUND


def test_a_broken_frame_ends_the_session_after_what_came_before_it() -> None:
    session, answer = bound("a"), SubmitSmResp(2, message_id="x")
    events = session.receive(encode(answer) + bytes(4) + encode(answer), now=0)
    assert events == [took("a", answer), Closed("bad_frame")]
    assert sent(session) == [GenericNack(0, Status.ESME_RINVCMDLEN)]
    assert told(session, EnquireLink(1)) == []


def test_our_unbind_ends_with_its_answer_or_without() -> None:
    for ending in (lambda one: told(one, UnbindResp(2)), lambda one: one.tick(5)):
        session = bound()
        session.unbind(now=0)
        assert sent(session) == [Unbind(2)]
        (closed,) = ending(session)
        assert isinstance(closed, Closed) and session.over


def test_while_we_unbind_answers_still_count() -> None:
    session, answer = bound("a"), SubmitSmResp(2, message_id="x")
    session.unbind(now=0)
    assert told(session, answer, UnbindResp(3)) == [took("a", answer), Closed("unbound")]


def test_when_the_peer_unbinds_the_unanswered_are_in_doubt_and_the_unwritten_are_not() -> None:
    session = bound("a")
    session.submit(BODY, "b", now=0)
    assert told(session, Unbind(8)) == [Leaving(), Closed("peer_unbound")]
    assert sent(session) == [UnbindResp(8)], "what was not written yet is held back"
    assert session.lose() == [Lost("a", written=True), Lost("b", written=False)]


def test_when_the_peer_unbinds_it_gets_its_acknowledgements_first() -> None:
    session, message = bound(), DeliverSm(5)
    assert told(session, message, Unbind(8))[1:] == [Leaving()]
    assert sent(session) == []
    assert session.acknowledge([delivered(message)]) == [Closed("peer_unbound")]
    assert sent(session) == [DeliverSmResp(5), UnbindResp(8)]


def test_when_the_peer_unbinds_it_does_not_wait_for_ever() -> None:
    session = bound()
    told(session, DeliverSm(5), Unbind(8), now=10)
    assert session.due == 15
    assert session.tick(15) == [Closed("peer_unbound")]
    assert sent(session) == [UnbindResp(8)]


def test_overdue_submissions_are_not_reported_again_when_the_link_dies() -> None:
    session = bound("a")
    told(session, EnquireLink(1), now=59)
    session.submit(BODY, "b", now=59)
    session.take()
    assert session.tick(60) == [Overdue("a")]
    assert session.lose() == [Lost("b", written=True)]
    assert session.lose() == []


def test_sequence_numbers_wrap_to_one_and_skip_those_still_waiting() -> None:
    session = bound()
    session._last_sequence = SEQUENCE_MAX - 1
    for token in "ab":
        session.submit(BODY, token, now=0)
    assert [pdu.sequence for pdu in sent(session)] == [SEQUENCE_MAX, 1]
    session._last_sequence = SEQUENCE_MAX - 1
    session.submit(BODY, "c", now=0)
    assert [pdu.sequence for pdu in sent(session)] == [2]


small = st.integers(0, 12)
status = st.sampled_from([0, 0, Status.ESME_RTHROTTLED, Status.ESME_RBINDFAIL, 0xFFFFFFFF])


class AnyOrder(RuleBasedStateMachine):
    """A peer that says anything, a client that does what it may, and a clock that only moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session[int] = Session(TIMERS, now=0)
        self.now = 0.0
        self.submitted: list[int] = []
        self.resolved: Counter[int] = Counter()  # how often a submission's fate was told
        self.late: Counter[int] = Counter()
        self.asked: Counter[tuple[int, int]] = Counter()  # the peer's requests by answer and number
        self.replied: Counter[tuple[int, int]] = Counter()
        self.inbox: list[Delivered] = []
        self.closed = 0

    def note(self, events: list[Event[int]]) -> None:
        for event in events:
            match event:
                case Took(answers):
                    self.resolved.update(token for token, _ in answers)
                case Answered(token, _, _, late):
                    self.late[token] += late
                    self.resolved[token] += not late
                case Overdue(token):
                    self.resolved[token] += 1
                case Delivered():
                    self.inbox.append(event)
                case Closed():
                    self.closed += 1
                    self.end()

    def end(self) -> None:
        self.written()
        for lost in self.session.lose():
            self.resolved[lost.token] += 1

    @rule()
    def written(self) -> None:
        for frame in Framer().feed(self.session.take()):
            pdu = decode(frame)
            if pdu.command_id & RESPONSE:
                self.replied[pdu.command_id, pdu.sequence] += 1

    @initialize(binds=st.sampled_from([True] * 5 + [False]), status=status)
    def bind(self, binds: bool, status: int) -> None:
        if binds:
            self.session.bind(BindTransceiver(), now=self.now)
            self.hears(BindTransceiverResp(1, status))

    @rule(status=status)
    def bind_answered(self, status: int) -> None:
        self.hears(BindTransceiverResp(1, status))

    @rule(count=st.integers(1, 3))
    def submit(self, count: int) -> None:
        for _ in range(count if self.session.phase is Phase.BOUND else 0):
            self.submitted.append(len(self.submitted))
            self.session.submit(BODY, self.submitted[-1], now=self.now)

    @rule(number=small, status=status, nack=st.booleans())
    def answer(self, number: int, status: int, nack: bool) -> None:
        self.hears(GenericNack(number, status) if nack else SubmitSmResp(number, status, "id"))

    @rule(
        pdus=st.lists(
            st.one_of(
                st.builds(DeliverSm, small),
                st.builds(DataSm, small),
                st.builds(EnquireLink, small),
                st.builds(EnquireLinkResp, small),
                st.builds(UnbindResp, small),
                st.builds(Other, st.sampled_from([0x3, 0x102, 0x7777, 0x8000_0003]), small),
            ),
            max_size=4,
        )
    )
    def hears_any(self, pdus: list[AnyPdu]) -> None:
        self.hears(*pdus)

    @rule(number=small)
    def peer_unbinds(self, number: int) -> None:
        self.hears(Unbind(number))

    @rule(junk=st.binary(min_size=1, max_size=30))
    def hears_junk(self, junk: bytes) -> None:
        if self.session.phase is Phase.LEAVING:
            self.note(self.session.receive(bytes(3) + b"\x11" + junk, now=self.now))

    def hears(self, *pdus: AnyPdu) -> None:
        if not self.session.over:
            for pdu in pdus:
                if not pdu.command_id & RESPONSE:
                    self.asked[pdu.command_id | RESPONSE, pdu.sequence] += 1
        self.note(self.session.receive(b"".join(map(encode, pdus)), now=self.now))

    @rule(at=small, status=status)
    def acknowledge(self, at: int, status: int) -> None:
        if self.inbox:
            self.note(self.session.acknowledge([self.inbox[at % len(self.inbox)]], status))

    @rule()
    def unbind(self) -> None:
        self.session.unbind(now=self.now)

    @rule(seconds=st.sampled_from([1, 14, 31, 61]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.note(self.session.tick(self.now))

    @rule()
    def time_comes(self) -> None:
        if self.session.due != inf:
            self.now = max(self.now, self.session.due)
            self.note(self.session.tick(self.now))
            assert self.session.due > self.now, "a tick at its due time leaves nothing due"

    @invariant()
    def nothing_is_answered_more_often_than_it_was_asked(self) -> None:
        for answer, times in self.replied.items():
            nacked = answer[0] == GenericNack.command_id
            assert nacked or times <= self.asked[answer]

    @invariant()
    def every_submission_has_one_fate(self) -> None:
        assert all(times == 1 for times in self.resolved.values())
        assert all(self.late[token] <= 1 for token in self.late)
        assert len(self.submitted) == len(self.resolved) + self.session.in_flight

    @invariant()
    def it_closes_once(self) -> None:
        assert self.closed == self.session.over

    def teardown(self) -> None:
        self.end()
        assert set(self.resolved) == set(self.submitted), "a dying session hands back what is unanswered"
        assert self.session.take() == b"" or self.session.over


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
