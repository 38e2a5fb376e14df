"""What no peer could tell apart in time: the agenda's order and the window's bookkeeping."""

import asyncio

from esme import DEADLINE_S

from tidings.connectors.sandbox.agenda import Agenda
from tidings.connectors.sandbox.peer import Binding, Owed, Peer
from tidings.connectors.sandbox.truth import Message


class Wire:
    """The connection as asyncio would give it."""

    def __init__(self) -> None:
        self.aborted = False

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def abort(self) -> None:
        self.aborted = True


def receiver(*, deliver_window: int) -> Peer:
    peer = Peer(touched=lambda _: None, deliver_window=deliver_window)
    peer.binding = Binding(submits=False, receives=True)
    return peer


def owed(n: int) -> Owed:
    return Owed(Message(None, ()), n)


async def test_jobs_run_when_they_are_due_each_once_and_in_the_order_they_were_added():
    ran: list[str] = []
    done = asyncio.Event()
    agenda = Agenda(asyncio.get_running_loop())
    for name, delay_s in (("c", 0.06), ("a", 0.02), ("b", 0.04), ("d", 0.06)):
        agenda.after(delay_s, lambda name=name: ran.append(name))
    agenda.after(0.08, done.set)
    async with asyncio.timeout(DEADLINE_S):
        await done.wait()

    assert ran == ["a", "b", "c", "d"]


async def test_a_closed_agenda_runs_nothing():
    ran: list[str] = []
    done = asyncio.Event()
    agenda, other = Agenda(asyncio.get_running_loop()), Agenda(asyncio.get_running_loop())
    agenda.after(0.01, lambda: ran.append("never"))
    agenda.close()
    other.after(0.03, done.set)
    async with asyncio.timeout(DEADLINE_S):
        await done.wait()

    assert ran == []


def test_only_what_is_older_than_asked_is_overdue_and_it_gives_up_its_place():
    peer = receiver(deliver_window=3)
    for n, at in ((1, 10.0), (2, 11.0), (3, 12.0)):
        peer.expect(n, owed(n), now=at)
    assert peer.room == 0

    assert [it.n for it in peer.take_overdue(before=11.0)] == [1, 2]
    assert peer.room == 2
    assert peer.take_overdue(before=11.0) == []
    assert [it.n for it in peer.take_unanswered()] == [3]


def test_answers_to_the_overdue_are_known_for_a_window_and_no_longer():
    peer = receiver(deliver_window=2)
    for n in range(1, 7):
        peer.expect(n, owed(n), now=0.0)
        peer.take_overdue(before=1.0)

    assert [n for n in range(1, 7) if peer.answered(n)] == [5, 6]


def test_a_peer_that_does_not_read_has_no_room():
    peer = receiver(deliver_window=2)
    assert peer.room == 2
    peer.choked = True
    assert peer.room == 0


def test_a_session_that_was_given_up_before_its_connection_stood_is_ended_with_it():
    peer, wire = receiver(deliver_window=2), Wire()
    peer.close()
    peer.connected(wire)
    assert wire.aborted
