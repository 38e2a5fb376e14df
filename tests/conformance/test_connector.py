"""What every connector owes its callers, shown on the SMPP connector against a carrier that misbehaves on request."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from smpp_carrier import PATIENCE_S, Carrier, Peer

from tidings.connectors.smpp import pdu as wire
from tidings.connectors.smpp.client import SmppConnector
from tidings.connectors.smpp.codes import EsmClass, Status, Tlv
from tidings.connectors.smpp.config import SmppConfig, read_config
from tidings.connectors.smpp.intake import IN_HAND_MAX
from tidings.connectors.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from tidings.domain.errors import Misconfigured, Unavailable
from tidings.domain.outcome import Next, Outcome, Refused, Taken, Unknown, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.receipt import Receipt
from tidings.domain.status import State
from tidings.domain.text import Alphabet, encode, segment
from tidings.flows.ports import PART_REFUSED, Outgoing, Singles

T = TypeVar("T")


class Clock:
    """A day in the life of a test."""

    def now(self) -> datetime:
        return datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


class Upstream:
    """What the connector tells us, with a hand on when and whether it is stored."""

    def __init__(self) -> None:
        self.received: list[Receipt] = []
        self.arrived = asyncio.Condition()
        self.stores = asyncio.Event()  # cleared: everything waits before the commit
        self.stores.set()
        self.trouble: Exception | None = None
        self.bad: set[str | None] = set()  # ids of receipts that cannot be stored
        self.promises: dict[int, asyncio.Future[Outcome]] = {}
        self.late: asyncio.Queue[tuple[int, Outcome]] = asyncio.Queue()

    def submit(self, connector: SmppConnector, parts: Sequence[Outgoing]) -> list[asyncio.Future[Outcome]]:
        """Have parts submitted; what comes of each."""
        promises = {part.submission_id: asyncio.get_running_loop().create_future() for part in parts}
        assert len(promises) == len(parts)
        self.promises |= promises
        connector.submit(parts)
        return list(promises.values())

    def submit_singles(self, connector: SmppConnector, many: Singles) -> list[asyncio.Future[Outcome]]:
        """The same of messages of one part each."""
        promises = {one: asyncio.get_running_loop().create_future() for one in many.submission_ids}
        self.promises |= promises
        connector.submit_singles(many)
        return list(promises.values())

    def answered(self, submission_id: int, outcome: Outcome) -> None:
        promise = self.promises[submission_id]
        if not promise.done():
            promise.set_result(outcome)
        else:
            assert isinstance(promise.result(), Unknown), "answered twice"
            self.late.put_nowait((submission_id, outcome))

    def taken(self, answers: Sequence[tuple[int, Taken]]) -> None:
        for submission_id, outcome in answers:
            self.answered(submission_id, outcome)

    async def receipts(self, receipts: Sequence[Receipt]) -> Sequence[Exception | None]:
        self.received += receipts
        async with self.arrived:
            self.arrived.notify_all()
        await self.stores.wait()
        if self.trouble:
            raise self.trouble
        return [Unavailable("not this one") if one.upstream_id in self.bad else None for one in receipts]

    async def until(self, receipts: int) -> None:
        """Return once so many receipts came in."""
        async with asyncio.timeout(PATIENCE_S), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= receipts)


SETTINGS: dict[str, Any] = {
    "host": "127.0.0.1",
    "system_id": "us",
    "password": "secret",
    "receipt_class": "handset",
    "reconnect_min_s": 0.01,
    "reconnect_max_s": 0.05,
    "refused_wait_s": 0.05,
    "unbind_within_s": 0.2,
}


def config(carrier: Carrier, **settings: Any) -> SmppConfig:
    return read_config(SETTINGS | {"port": carrier.port} | settings)


def made(settings: SmppConfig, upstream: Upstream) -> SmppConnector:
    """A connector that does not run yet."""
    jitter = Random(1)  # for the backoff
    return SmppConnector(settings, name="test", upstream=upstream, clock=Clock(), random=jitter)


@asynccontextmanager
async def running(carrier: Carrier, upstream: Upstream, **settings: Any) -> AsyncIterator[SmppConnector]:
    """A connector that runs, and is closed in the end."""
    connector = made(config(carrier, **settings), upstream)
    run = asyncio.create_task(connector.run())
    try:
        yield connector
    finally:
        await soon(connector.close(drain_within_s=0.0))
        await soon(run)


@pytest.fixture
async def carrier() -> AsyncIterator[Carrier]:
    async with Carrier() as one:
        yield one


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


async def until(holds: Callable[[], bool]) -> None:
    """Return once something that no signal tells of has come true."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def soon(what: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE_S):
        return await what


def part(number: int = 1, **fields: Any) -> Outgoing:
    given: dict[str, Any] = {
        "submission_id": number,
        "recipient": "380501234567",
        "sender": "Tidings",
        "alphabet": Alphabet.GSM7,
        "text": "hello",
        "part": 1,
        "parts": 1,
        "reference": 7,
        "validity_s": 3600,
    }
    return Outgoing(**given | fields)


def receipt(number: int, **fields: Any) -> DeliverSm:
    given: dict[str, Any] = {
        "sequence": number,
        "source_addr": "380501234567",
        "destination_addr": "Tidings",
        "esm_class": 4,
        "short_message": f"id:{number} stat:DELIVRD err:000 done date:2605171159 text:hello".encode(),
    }
    return DeliverSm(**given | fields)


async def up(connector: SmppConnector, carrier: Carrier) -> Peer:
    """The carrier's end of the connector's session."""
    peer = await carrier.peer()
    await soon(connector.bound.wait())
    return peer


# -- submitting ------------------------------------------------------------------------------------------------------


async def test_what_the_carrier_takes_is_taken_with_its_id(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        answer = SubmitSmResp(submit.sequence, message_id="AbC-1")
        peer.send(answer)
        assert await soon(outcome) == Taken("AbC-1", wire.encode(answer))
    assert submit == SubmitSm(
        sequence=submit.sequence,
        source_addr_ton=5,
        source_addr="Tidings",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="380501234567",
        validity_period="000000010000000R",
        registered_delivery=1,
        short_message=b"hello",
    )


@pytest.mark.parametrize(
    ("status", "reason", "then"),
    [
        (Status.ESME_RINVDSTADR, Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP),
        (Status.ESME_RSYSERR, Reason.SUBMIT_RETRIES_EXHAUSTED, Next.RETRY),
        (Status.ESME_RTHROTTLED, Reason.SUBMIT_RETRIES_EXHAUSTED, Next.THROTTLE),
        (Status.ESME_RBINDFAIL, Reason.ROUTE_CONFIG, Next.HOLD),
        (0x0499, Reason.SUBMIT_RETRIES_EXHAUSTED, Next.RETRY),
    ],
)
async def test_what_the_carrier_refuses_is_refused_for_its_reason(
    carrier: Carrier, upstream: Upstream, status: int, reason: Reason, then: Next
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        peer.send(SubmitSmResp(submit.sequence, status, None))
        refused = await soon(outcome)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.next) == (reason, then)
    assert refused.code.startswith(f"{status:#010x}")


@pytest.mark.parametrize(
    ("settings", "code", "reason"),
    [
        ({"err_is_map": True}, b"\x03\x00\x1b", Reason.ABSENT_SUBSCRIBER),
        ({"err_table": {"600": Reason.CONTENT_BLOCKED}}, b"600", Reason.CONTENT_BLOCKED),
        ({"err_is_map": True}, b"\x03\x00\x63", Reason.UNSPECIFIED_FAILURE),
        ({}, b"\x03\x00\x1b", Reason.UNSPECIFIED_FAILURE),
        ({"err_is_map": True}, b"\x1b", Reason.UNSPECIFIED_FAILURE),
    ],
)
async def test_a_delivery_that_failed_at_once_is_told_with_the_networks_reason(
    carrier: Carrier, upstream: Upstream, settings: dict[str, Any], code: bytes, reason: Reason
) -> None:
    async with running(carrier, upstream, **settings) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        tlvs = {int(Tlv.NETWORK_ERROR_CODE): code}
        peer.send(SubmitSmResp(submit.sequence, Status.ESME_RDELIVERYFAILURE, message_id="", tlvs=tlvs))
        refused = await soon(outcome)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.next) == (reason, Next.GIVE_UP)


async def test_a_nack_is_a_refusal_and_a_broken_session_is_made_anew(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        peer.send(GenericNack(submit.sequence, Status.ESME_RINVCMDLEN))
        refused = await soon(outcome)
        assert isinstance(refused, Refused) and refused.next is Next.GIVE_UP
        await soon(peer.gone.wait())
        await carrier.peer()


async def test_silence_is_unknown_and_a_late_answer_still_tells(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream, answer_timeout_s=0.05, late_answer_s=60) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part(41)])
        submit = await peer.next(SubmitSm)
        assert await soon(outcome) == Unknown("timeout")
        answer = SubmitSmResp(submit.sequence, message_id="late")
        peer.send(answer)
        assert await soon(upstream.late.get()) == (41, Taken("late", wire.encode(answer)))
        assert connector.room == 10, "what is overdue does not fill the window"


async def test_a_link_that_dies_leaves_the_written_in_doubt_and_the_queued_unwritten(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream, window=1) as connector:
        peer = await up(connector, carrier)
        written, queued = (*upstream.submit(connector, [part(1)]), *upstream.submit(connector, [part(2)]))
        await peer.next(SubmitSm)
        peer.drop()
        assert await soon(written) == Unknown("link_lost")
        assert isinstance(await soon(queued), Unwritten)
    assert len(carrier.heard(SubmitSm)) == 1


async def test_what_was_not_handed_to_the_socket_yet_is_certainly_unwritten(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        connector._links[0].abort("test")  # within the same turn of the loop
        assert await soon(outcome) == Unwritten("test")
    assert carrier.heard(SubmitSm) == []


async def test_an_answer_that_is_cut_in_half_is_no_answer(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        peer.write(wire.encode(SubmitSmResp(submit.sequence, message_id="half"))[:-3])
        peer.drop()
        assert await soon(outcome) == Unknown("link_lost")


async def test_without_a_bind_nothing_is_written(carrier: Carrier, upstream: Upstream) -> None:
    connector = made(config(carrier), upstream)
    assert connector.room == 0
    assert [await soon(outcome) for outcome in upstream.submit(connector, [part(1), part(2)])] == [
        Unwritten("not_bound")
    ] * 2


async def test_an_answer_for_nobody_harms_nobody(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        peer.send(SubmitSmResp(999, message_id="whose"), GenericNack(998, 0))
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        peer.send(SubmitSmResp(submit.sequence, message_id="ours"))
        taken = await soon(outcome)
    assert isinstance(taken, Taken) and taken.upstream_id == "ours"
    assert connector.binds().counts["stray"] == 2


async def test_answers_in_any_order_reach_their_own(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        outcomes = [upstream.submit(connector, [part(number)])[0] for number in range(3)]
        submits = [await peer.next(SubmitSm) for _ in range(3)]
        peer.send(*(SubmitSmResp(one.sequence, message_id=str(one.sequence)) for one in reversed(submits)))
        taken = [await soon(outcome) for outcome in outcomes]
    assert [one.upstream_id for one in taken if isinstance(one, Taken)] == [
        str(one.sequence) for one in submits
    ]


async def test_a_long_message_goes_in_order_over_one_bind(carrier: Carrier, upstream: Upstream) -> None:
    text = "0123456789" * 40
    parts = segment(text).parts
    async with running(carrier, upstream, binds=3, window=1) as connector:
        peers = [await up(connector, carrier) for _ in range(3)]
        carrier.answers_submits = True
        outcomes = upstream.submit(
            connector, [part(n, part=n, parts=3, reference=200, text=one) for n, one in enumerate(parts, 1)]
        )
        assert all(isinstance(one, Taken) for one in await soon(asyncio.gather(*outcomes)))
        assert len(peers) == 3
    submits = carrier.heard(SubmitSm)
    assert [one.short_message[:6] for one in submits] == [bytes((5, 0, 3, 200, 3, n)) for n in (1, 2, 3)]
    assert b"".join(one.short_message[6:] for one in submits) == encode(text, Alphabet.GSM7)
    assert {one.esm_class for one in submits} == {EsmClass.UDHI}
    assert len({one.sequence for one in submits}) == 3, "one session numbers them all"


async def test_the_window_is_kept(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream, window=2) as connector:
        peer = await up(connector, carrier)
        assert connector.room == 2
        outcomes = [one for n in (1, 2, 3) for one in upstream.submit(connector, [part(n)])]
        assert connector.room == 0
        first = await peer.next(SubmitSm)
        await peer.next(SubmitSm)
        room = asyncio.create_task(connector.wait_room())
        peer.send(EnquireLink(1))
        await peer.next(wire.EnquireLinkResp)
        assert peer.has_nothing, "the third waits for an answer"
        peer.send(SubmitSmResp(first.sequence, message_id="1"))
        third = await peer.next(SubmitSm)
        assert not room.done()
        peer.send(SubmitSmResp(third.sequence, message_id="3"))
        await soon(room)
        assert connector.room == 1
        assert isinstance(await soon(outcomes[2]), Taken)


async def test_a_part_is_written_when_the_one_before_it_was_taken(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        outcomes = upstream.submit(connector, [part(n, part=n, parts=3) for n in (1, 2, 3)])
        for number in (1, 2, 3):
            request = await peer.next(SubmitSm)
            peer.send(EnquireLink(number))
            await peer.next(wire.EnquireLinkResp)
            assert peer.has_nothing, "the next part waits for an answer"
            peer.send(SubmitSmResp(request.sequence, message_id=str(number)))
            assert isinstance(await soon(outcomes[number - 1]), Taken)


async def test_behind_a_part_that_is_refused_for_good_nothing_is_sent(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        outcomes = upstream.submit(connector, [part(n, part=n, parts=3) for n in (1, 2, 3)])
        first = await peer.next(SubmitSm)
        peer.send(SubmitSmResp(first.sequence, message_id="1"))
        second = await peer.next(SubmitSm)
        peer.send(SubmitSmResp(second.sequence, Status.ESME_RINVDSTADR))
        taken, refused, dropped = await soon(asyncio.gather(*outcomes))
        assert isinstance(taken, Taken) and isinstance(refused, Refused)
        assert dropped == Unwritten(PART_REFUSED)
        assert peer.has_nothing


async def test_room_comes_with_the_bind(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        assert connector.room == 0
        await soon(connector.wait_room())
        assert connector.room == 10


async def test_the_rate_limits_the_room_and_gives_it_back(carrier: Carrier, upstream: Upstream) -> None:
    carrier.answers_submits = True
    async with running(carrier, upstream, rate_per_s=20) as connector:
        await up(connector, carrier)
        assert connector.room == 2, "a tenth of a second's worth"
        outcomes = [one for n in (1, 2, 3) for one in upstream.submit(connector, [part(n)])]
        assert connector.room == 0
        await soon(connector.wait_room())
        assert all(isinstance(one, Taken) for one in await soon(asyncio.gather(*outcomes)))


@pytest.mark.parametrize("sender", ["a sender that is far too long", "Тест", "nul\0"])
async def test_what_cannot_be_written_is_refused_and_nothing_leaves(
    carrier: Carrier, upstream: Upstream, sender: str
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        outcomes = upstream.submit(connector, [part(n, part=n, parts=2, sender=sender) for n in (1, 2)])
        for outcome in outcomes:
            refused = await soon(outcome)
            assert isinstance(refused, Refused) and refused.next is Next.GIVE_UP
        assert peer.has_nothing
    assert carrier.heard(SubmitSm) == []


def singles(*recipients: str, texts: list[str] | None = None) -> Singles:
    """Messages of one part each."""
    return Singles(
        1, "Tidings", Alphabet.GSM7, 3600, False, list(recipients), texts or ["hello"] * len(recipients)
    )


@pytest.mark.parametrize("settings", [{}, {"binds": 2}, {"bind_mode": "transmitter_receiver"}])
async def test_messages_that_are_submitted_together_go_out_as_they_would_alone(
    carrier: Carrier, upstream: Upstream, settings: dict[str, Any]
) -> None:
    carrier.answers_submits = True
    recipients = ["380501234567", "380501234568", "+380501234569"]
    texts = ["hello", "[€]", "hello"]
    async with running(carrier, upstream, **settings) as connector:
        await until(lambda: connector.binds().up == connector.binds().wanted)
        outcomes = upstream.submit_singles(connector, singles(*recipients, texts=texts))
        assert all(isinstance(one, Taken) for one in await soon(asyncio.gather(*outcomes)))
    submits = sorted(carrier.heard(SubmitSm), key=lambda one: one.destination_addr)
    assert [one.destination_addr for one in submits] == [one.lstrip("+") for one in recipients]
    assert [one.short_message for one in submits] == [encode(text, Alphabet.GSM7) for text in texts]


async def test_messages_that_are_submitted_together_wait_for_the_window(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream, window=2) as connector:
        peer = await up(connector, carrier)
        first, second, third = upstream.submit_singles(connector, singles("1", "2", "3"))
        submits = [await peer.next(SubmitSm) for _ in range(2)]
        assert [one.destination_addr for one in submits] == ["1", "2"] and peer.has_nothing
        peer.send(SubmitSmResp(submits[1].sequence, message_id="b"))
        assert (await peer.next(SubmitSm)).destination_addr == "3"
        taken = await soon(second)
        assert isinstance(taken, Taken) and taken.upstream_id == "b"
    assert await soon(first) == await soon(third) == Unknown("link_lost")


async def test_of_messages_that_are_submitted_together_only_what_cannot_be_written_is_refused(
    carrier: Carrier, upstream: Upstream
) -> None:
    carrier.answers_submits = True
    async with running(carrier, upstream) as connector:
        await up(connector, carrier)
        outcomes = upstream.submit_singles(connector, singles("1", "2", texts=["x" * 255, "hello"]))
        refused, taken = await soon(asyncio.gather(*outcomes))
    assert isinstance(refused, Refused) and refused.next is Next.GIVE_UP
    assert isinstance(taken, Taken)


async def test_without_a_bind_none_of_many_messages_is_written(carrier: Carrier, upstream: Upstream) -> None:
    outcomes = upstream.submit_singles(made(config(carrier), upstream), singles("1", "2"))
    assert await soon(asyncio.gather(*outcomes)) == [Unwritten("not_bound")] * 2


# -- receiving -------------------------------------------------------------------------------------------------------


async def test_a_receipt_is_acknowledged_only_after_it_is_stored(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        upstream.stores.clear()
        peer.send(receipt(5), EnquireLink(6))
        await peer.next(wire.EnquireLinkResp)
        await upstream.until(1)
        assert peer.has_nothing, "not stored, not acknowledged"
        upstream.stores.set()
        assert await peer.next(DeliverSmResp) == DeliverSmResp(5, Status.ESME_ROK)
    (stored,) = upstream.received
    assert (stored.upstream_id, stored.said.state, stored.recipient) == ("5", State.DELIVERED, "380501234567")
    assert stored.raw == wire.encode(receipt(5))
    assert stored.said.done_at == datetime(2026, 5, 17, 11, 59, tzinfo=UTC)


@pytest.mark.parametrize("trouble", [Unavailable("away"), RuntimeError("a defect of ours")])
async def test_a_receipt_that_could_not_be_stored_is_asked_for_again(
    carrier: Carrier, upstream: Upstream, trouble: Exception
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        upstream.trouble = trouble
        peer.send(receipt(5))
        assert await peer.next(DeliverSmResp) == DeliverSmResp(5, Status.ESME_RX_T_APPN)
        upstream.trouble = None
        peer.send(receipt(6))
        assert await peer.next(DeliverSmResp) == DeliverSmResp(6, Status.ESME_ROK)


async def test_of_receipts_that_come_together_only_what_is_not_stored_is_asked_for_again(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        upstream.bad = {"6"}
        peer.send(receipt(5), receipt(6), receipt(7))
        answers = [await peer.next(DeliverSmResp) for _ in range(3)]
    assert {one.sequence: one.status for one in answers} == {5: 0, 6: Status.ESME_RX_T_APPN, 7: 0}


async def test_a_receipt_in_a_data_sm_with_nothing_but_tlvs_is_taken(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        peer.send(
            DataSm(
                sequence=5,
                source_addr="380501234567",
                esm_class=4,
                tlvs={Tlv.RECEIPTED_MESSAGE_ID: b"x1\0", Tlv.MESSAGE_STATE: b"\x05"},
            )
        )
        assert await peer.next(wire.DataSmResp) == wire.DataSmResp(5)
    (stored,) = upstream.received
    assert (stored.upstream_id, stored.said.word, stored.said.state) == ("x1", "UNDELIV", State.UNDELIVERABLE)


async def test_a_carrier_with_two_tongues_is_counted(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        peer.send(
            receipt(1, tlvs={Tlv.MESSAGE_STATE: b"\x02"}), receipt(2, tlvs={Tlv.MESSAGE_STATE: b"\x05"})
        )
        for _ in range(2):
            await peer.next(DeliverSmResp)
        assert connector.binds().counts["receipts_that_disagree"] == 1
    assert [one.said.word for one in upstream.received] == ["DELIVRD", "DELIVRD"]


async def test_a_burst_of_receipts_is_stored_together(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        upstream.stores.clear()
        peer.send(*(receipt(number) for number in range(1, 1001)))
        await upstream.until(1000)
        assert connector.status().receipts_in_hand == 1000
        upstream.stores.set()
        acked = [await peer.next(DeliverSmResp) for _ in range(1000)]
    assert {one.sequence for one in acked} == set(range(1, 1001))
    assert {one.status for one in acked} == {0}


async def test_a_flood_of_receipts_is_held_back_and_none_is_lost(
    carrier: Carrier, upstream: Upstream
) -> None:
    flood = 3 * IN_HAND_MAX
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        upstream.stores.clear()
        peer.send(*(receipt(number) for number in range(1, flood + 1)))
        await upstream.until(IN_HAND_MAX)
        one_read = 256 * 1024 // len(wire.encode(receipt(1)))
        assert connector.status().receipts_in_hand <= IN_HAND_MAX + one_read
        upstream.stores.set()
        acked = [await peer.next(DeliverSmResp) for _ in range(flood)]
    assert {one.sequence for one in acked} == set(range(1, flood + 1))


async def test_a_session_that_comes_up_in_a_flood_is_not_read_from_yet(
    carrier: Carrier, upstream: Upstream
) -> None:
    carrier.bind_statuses.extend([0, None])
    async with running(carrier, upstream, binds=2) as connector:
        first = await up(connector, carrier)
        await until(lambda: len(carrier.binds) == 2)
        (second,) = [peer for peer in carrier.peers if peer is not first]
        upstream.stores.clear()
        first.send(*(receipt(number) for number in range(1, IN_HAND_MAX + 1)))
        await upstream.until(IN_HAND_MAX)
        second.send(wire.BindTransceiverResp(1))
        await until(lambda: connector.binds().up == 2)
        transport = connector._links[1]._transport
        assert transport is not None and not transport.is_reading()
        upstream.stores.set()
        second.send(receipt(1))
        assert await second.next(DeliverSmResp) == DeliverSmResp(1)


async def test_a_subscribers_message_is_acknowledged_and_is_no_receipt(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        peer.send(receipt(5, esm_class=0))
        assert await peer.next(DeliverSmResp) == DeliverSmResp(5)
    assert upstream.received == []


# -- keeping the binds up ---------------------------------------------------------------------------------------------


async def test_a_link_that_drops_is_made_again(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        for _ in range(3):
            peer = await up(connector, carrier)
            peer.drop()
            await until(lambda: not connector.bound.is_set())
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        peer.send(SubmitSmResp(submit.sequence, message_id="1"))
        assert isinstance(await soon(outcome), Taken)


async def test_a_refused_bind_is_tried_again_until_it_is_taken(carrier: Carrier, upstream: Upstream) -> None:
    carrier.bind_statuses.extend([Status.ESME_RALYBND, Status.ESME_RINVPASWD])
    async with running(carrier, upstream) as connector:
        await up(connector, carrier)
        assert connector.binds().up == 1
    assert carrier.binds == [BindTransceiver] * 3
    (first, *_) = carrier.heard(BindTransceiver)
    assert (first.system_id, first.password, first.interface_version) == ("us", "secret", 0x34)


async def test_a_bind_that_is_never_answered_is_tried_again(carrier: Carrier, upstream: Upstream) -> None:
    carrier.bind_statuses.append(None)
    async with running(carrier, upstream, bind_within_s=0.05) as connector:
        await up(connector, carrier)
    assert carrier.binds == [BindTransceiver] * 2


async def test_a_carrier_that_is_not_there_yet_is_waited_for(carrier: Carrier, upstream: Upstream) -> None:
    async with Carrier() as gone:
        pass
    async with running(carrier, upstream, port=gone.port) as connector:
        await until(lambda: connector.binds().trouble is not None)
        assert "cannot connect" in str(connector.binds().trouble)
        assert not connector.bound.is_set()


async def test_when_the_carrier_unbinds_mid_window_the_unanswered_are_in_doubt(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        answered, doubtful = (*upstream.submit(connector, [part(1)]), *upstream.submit(connector, [part(2)]))
        first = await peer.next(SubmitSm)
        await peer.next(SubmitSm)
        peer.send(SubmitSmResp(first.sequence, message_id="1"), Unbind(77))
        assert await peer.next(UnbindResp) == UnbindResp(77)
        assert isinstance(await soon(answered), Taken)
        assert await soon(doubtful) == Unknown("link_lost")
        await carrier.peer()


async def test_a_carrier_that_says_nothing_any_more_is_left(carrier: Carrier, upstream: Upstream) -> None:
    carrier.answers_enquiries = False
    async with running(carrier, upstream, enquire_idle_s=0.02, enquire_within_s=0.02) as connector:
        peer = await up(connector, carrier)
        await peer.next(EnquireLink)
        await soon(peer.gone.wait())
        await carrier.peer()


async def test_a_carrier_that_talks_nonsense_is_nacked_and_left(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        peer.write(b"HTTP/1.1 400 Bad Request\r\n")
        assert await peer.next(GenericNack) == GenericNack(0, Status.ESME_RINVCMDLEN)
        await soon(peer.gone.wait())
        await carrier.peer()


async def test_the_receiver_binds_before_the_transmitter(carrier: Carrier, upstream: Upstream) -> None:
    carrier.bind_statuses.append(Status.ESME_RALYBND)  # the first receiver's try fails
    async with running(carrier, upstream, bind_mode="transmitter_receiver") as connector:
        receiver, transmitter = await carrier.peer(), await carrier.peer()
        await soon(connector.bound.wait())
        assert carrier.binds == [BindReceiver, BindReceiver, BindTransmitter]
        (outcome,) = upstream.submit(connector, [part()])
        submit = await transmitter.next(SubmitSm)
        receiver.send(receipt(1))
        await receiver.next(DeliverSmResp)
        transmitter.send(SubmitSmResp(submit.sequence, message_id="1"))
        assert isinstance(await soon(outcome), Taken)


async def test_several_binds_share_the_load(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream, binds=2, window=3) as connector:
        peers = [await up(connector, carrier) for _ in range(2)]
        await until(lambda: connector.binds().up == 2)
        assert connector.room == 6
        for number in range(4):
            upstream.submit(connector, [part(number)])
        for peer in peers:
            await peer.next(SubmitSm)
            await peer.next(SubmitSm)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signed itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([openssl, *request.split(), *names], check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("settings", [{"tls_ca_file": "cert"}, {"tls_verify": False}])
async def test_a_session_over_tls(
    certificate: tuple[Path, Path], upstream: Upstream, settings: dict[str, Any]
) -> None:
    cert, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if "tls_ca_file" in settings:
        settings = {"tls_ca_file": str(cert)}
    async with Carrier(context) as carrier, running(carrier, upstream, tls=True, **settings) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        peer.send(SubmitSmResp(submit.sequence, message_id="1"))
        assert isinstance(await soon(outcome), Taken)


async def test_a_carrier_whose_certificate_is_not_trusted_gets_no_password(
    certificate: tuple[Path, Path], upstream: Upstream
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with Carrier(context) as carrier, running(carrier, upstream, tls=True) as connector:
        await until(lambda: connector.binds().trouble is not None)
        assert "certificate" in str(connector.binds().trouble).lower()
    assert carrier.received == []


# -- the end ----------------------------------------------------------------------------------------------------------


async def test_closing_waits_for_answers_and_unbinds(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        (outcome,) = upstream.submit(connector, [part()])
        submit = await peer.next(SubmitSm)
        closing = asyncio.create_task(connector.close(drain_within_s=PATIENCE_S))
        peer.send(receipt(9))
        await peer.next(DeliverSmResp)
        assert connector.room == 0
        assert [await soon(one) for one in upstream.submit(connector, [part(2)])] == [Unwritten("closing")]
        assert carrier.heard(Unbind) == []
        peer.send(SubmitSmResp(submit.sequence, message_id="1"))
        await soon(closing)
        assert isinstance(await soon(outcome), Taken)
    assert len(carrier.heard(Unbind)) == 1
    assert len(carrier.binds) == 1, "a closed connector does not come back"


async def test_a_session_that_is_lost_while_closing_is_not_made_again(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream, binds=2) as connector:
        peers = [await carrier.peer() for _ in range(2)]
        await until(lambda: connector.binds().up == 2)
        (outcome,) = upstream.submit(connector, [part()])
        await until(lambda: not all(peer.has_nothing for peer in peers))
        busy, idle = sorted(peers, key=lambda peer: peer.has_nothing)
        closing = asyncio.create_task(connector.close(drain_within_s=PATIENCE_S))
        await until(lambda: connector.room == 0)
        idle.drop()
        await until(lambda: connector.binds().up == 1)
        submit = await busy.next(SubmitSm)
        busy.send(receipt(1))
        await busy.next(DeliverSmResp)
        busy.send(SubmitSmResp(submit.sequence, message_id="1"))
        await soon(closing)
        assert isinstance(await soon(outcome), Taken)
    assert len(carrier.binds) == 2


async def test_what_is_unanswered_when_closing_takes_too_long_is_in_doubt(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream, window=1) as connector:
        peer = await up(connector, carrier)
        written, queued = (*upstream.submit(connector, [part(1)]), *upstream.submit(connector, [part(2)]))
        await peer.next(SubmitSm)
        await soon(connector.close(drain_within_s=0.02))
        assert await soon(written) == Unknown("link_lost")
        assert await soon(queued) == Unwritten("closing")


async def test_a_carrier_that_ignores_unbind_does_not_hold_us(carrier: Carrier, upstream: Upstream) -> None:
    carrier.answers_unbinds = False
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        await soon(connector.close(drain_within_s=0))
        await peer.next(Unbind)
        await soon(peer.gone.wait())


async def test_a_connector_that_is_killed_leaves_no_promise_open(
    carrier: Carrier, upstream: Upstream
) -> None:
    connector = made(config(carrier), upstream)
    run = asyncio.create_task(connector.run())
    peer = await up(connector, carrier)
    (outcome,) = upstream.submit(connector, [part()])
    await peer.next(SubmitSm)
    run.cancel()
    await asyncio.wait([run], timeout=PATIENCE_S)
    assert await soon(outcome) == Unknown("link_lost")


async def test_starting_and_stopping_at_any_moment_ends(carrier: Carrier, upstream: Upstream) -> None:
    for turns in range(12):
        connector = made(config(carrier), upstream)
        run = asyncio.create_task(connector.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        await soon(asyncio.gather(connector.close(0), connector.close(0)))
        await soon(run)
        assert connector.binds().up == 0


def test_a_ca_file_that_is_not_there_names_its_setting(tmp_path: Path) -> None:
    settings = SETTINGS | {"port": 1, "tls": True, "tls_ca_file": str(tmp_path / "none.pem")}

    async def make() -> None:
        made(read_config(settings), Upstream())

    with pytest.raises(Misconfigured, match="tls_ca_file"):
        asyncio.run(make())


# -- what a refusal is a sign of ------------------------------------------------------------------------------------


async def refused_with(
    peer: Peer,
    connector: SmppConnector,
    status: int,
    *,
    upstream: Upstream,
    tlvs: dict[int, bytes] | None = None,
) -> Outcome:
    """One submission, answered with a status."""
    (outcome,) = upstream.submit(connector, [part()])
    submit = await peer.next(SubmitSm)
    message_id = None if status else "id"
    peer.send(SubmitSmResp(submit.sequence, status, message_id, tlvs=tlvs or {}))
    return await soon(outcome)


async def test_full_queues_of_many_recipients_are_the_carriers_own(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream, rate_per_s=100_000) as connector:
        peer = await up(connector, carrier)
        said = [
            await refused_with(peer, connector, Status.ESME_RMSGQFUL, upstream=upstream) for _ in range(11)
        ]
        assert [one.next for one in said if isinstance(one, Refused)] == [Next.RETRY] * 10 + [Next.THROTTLE]
        assert connector.status().rate_per_s == 50_000


async def test_a_refused_account_is_not_asked_again_for_every_message(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream) as connector:
        peer = await up(connector, carrier)
        assert connector.room > 0
        await refused_with(peer, connector, Status.ESME_RPROHIBITED, upstream=upstream)
        assert connector.room == 0 and connector.binds().up == 1


async def test_a_congested_peer_is_submitted_to_more_slowly(carrier: Carrier, upstream: Upstream) -> None:
    async with running(carrier, upstream, rate_per_s=1000) as connector:
        peer = await up(connector, carrier)
        await refused_with(peer, connector, 0, upstream=upstream, tlvs={int(Tlv.CONGESTION_STATE): b"\x50"})
        assert connector.status().rate_per_s == 1000
        await refused_with(peer, connector, 0, upstream=upstream, tlvs={int(Tlv.CONGESTION_STATE): b"\x64"})
        assert connector.status().rate_per_s == 500


@pytest.mark.parametrize(
    ("form", "other"), [("relative", "260517130000000+"), ("absolute_utc", "000000010000000R")]
)
async def test_a_refused_form_of_the_validity_is_changed_once(
    carrier: Carrier, upstream: Upstream, form: str, other: str
) -> None:
    async with running(carrier, upstream, validity_form=form) as connector:
        peer = await up(connector, carrier)
        for _ in range(3):
            refused = await refused_with(peer, connector, Status.ESME_RINVEXPIRY, upstream=upstream)
            assert isinstance(refused, Refused) and refused.next is Next.RETRY and refused.retries.most == 1
    first, *rest = [one.validity_period for one in carrier.heard(SubmitSm)]
    assert first != other and rest == [other, other]


async def test_a_carrier_that_is_told_no_validity_is_told_none_after_a_refusal_either(
    carrier: Carrier, upstream: Upstream
) -> None:
    async with running(carrier, upstream, validity_form="none") as connector:
        peer = await up(connector, carrier)
        for _ in range(2):
            await refused_with(peer, connector, Status.ESME_RINVEXPIRY, upstream=upstream)
    assert [one.validity_period for one in carrier.heard(SubmitSm)] == ["", ""]
