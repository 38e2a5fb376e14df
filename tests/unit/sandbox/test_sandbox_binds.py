"""Who may bind and what a session may do, as a peer sees it over TCP."""

import pytest
from esme import DEADLINE_S, Esme, bind, message, simulated

from tidings.connectors.sandbox.pace import Pace
from tidings.connectors.smpp.codes import Command, Status, Tlv
from tidings.connectors.smpp.frames import PDU_OCTETS_MAX
from tidings.connectors.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Other,
    Unbind,
)

KINDS = [BindTransmitter, BindReceiver, BindTransceiver]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_right_password_binds_in_every_mode_and_is_told_the_version(kind: type):
    async with simulated() as smsc:
        esme = await Esme.connected(smsc.port)
        answer = await esme.ask(bind(kind))

    assert answer.status == 0
    assert answer.tlvs[Tlv.SC_INTERFACE_VERSION] == b"\x34"


async def test_a_peer_older_than_3_4_is_sent_no_tlvs():
    async with simulated() as smsc:
        esme = await Esme.connected(smsc.port)
        answer = await esme.ask(bind(interface_version=0x33))
        await esme.submit("31612345678")
        receipt = await esme.receipt()

    assert answer.tlvs == {}
    assert receipt.tlvs == {}


@pytest.mark.parametrize("wrong", [{"password": "nope"}, {"password": ""}, {"system_id": "other"}])
async def test_wrong_credentials_are_refused_alike_and_disconnected(wrong: dict[str, str]):
    async with simulated() as smsc:
        esme = await Esme.connected(smsc.port)
        answer = await esme.ask(bind(**wrong))
        await esme.closed()

    assert answer.status == Status.ESME_RBINDFAIL


async def test_one_session_too_many_is_refused_until_another_one_ends():
    async with simulated(sessions_max=2) as smsc:
        first = await Esme.bound(smsc.port)
        await Esme.bound(smsc.port)
        third = await Esme.connected(smsc.port)
        assert (await third.ask(bind())).status == Status.ESME_RALYBND
        await third.closed()

        await first.ask(Unbind())
        await first.closed()
        await Esme.bound(smsc.port)


async def test_a_second_bind_on_a_session_is_refused_and_the_session_lives():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        assert (await esme.ask(bind())).status == Status.ESME_RALYBND
        assert (await esme.submit("31612345678")).status == 0


async def test_a_receiver_may_not_submit_and_a_transmitter_is_told_nothing():
    async with simulated() as smsc:
        receiver = await Esme.bound(smsc.port, BindReceiver)
        transmitter = await Esme.bound(smsc.port, BindTransmitter)
        assert (await receiver.submit("31612345678")).status == Status.ESME_RINVBNDSTS
        answer = await transmitter.submit("31612345678")
        assert (await receiver.told()).id == answer.message_id
        await transmitter.ask(EnquireLink())

    assert Command.DELIVER_SM not in {pdu.command_id for pdu in transmitter.arrived}
    assert smsc.truth.summary().taken == 1


async def test_who_is_not_bound_may_neither_submit_nor_query():
    async with simulated() as smsc:
        esme = await Esme.connected(smsc.port)
        assert (await esme.submit("31612345678")).status == Status.ESME_RINVBNDSTS
        found = await esme.ask(Other(Command.QUERY_SM, body=b"1\0\0\0\0"))

    assert found.status == Status.ESME_RINVBNDSTS


async def test_who_does_not_bind_in_time_is_disconnected():
    async with simulated(bind_within_s=0.05) as smsc:
        esme = await Esme.connected(smsc.port)
        await esme.closed()


async def test_a_connection_too_many_is_closed():
    async with simulated(connections_max=1) as smsc:
        first = await Esme.bound(smsc.port)
        second = await Esme.connected(smsc.port)
        await second.closed()
        assert (await first.submit("31612345678")).status == 0


async def test_enquire_link_is_answered_before_and_after_the_bind():
    async with simulated() as smsc:
        esme = await Esme.connected(smsc.port)
        await esme.ask(EnquireLink())
        await esme.ask(bind())
        await esme.ask(EnquireLink())


async def test_a_silent_peer_is_asked_and_dropped_if_it_stays_silent():
    async with simulated(enquire_after_s=0.05) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.seen(lambda pdu: pdu.command_id == Command.ENQUIRE_LINK)
        await esme.closed()


async def test_a_silent_peer_that_answers_the_enquiry_is_kept():
    async with simulated(enquire_after_s=0.3) as smsc:
        esme = await Esme.bound(smsc.port)
        for _ in range(3):
            enquiry = await esme.seen(lambda pdu: pdu.command_id == Command.ENQUIRE_LINK)
            esme.write(EnquireLinkResp(sequence=enquiry.sequence))
        assert (await esme.submit("31612345678")).status == 0


async def test_unbind_is_answered_and_ends_the_session():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        assert (await esme.ask(Unbind())).status == 0
        await esme.closed()


async def test_what_comes_behind_an_unbind_is_neither_taken_nor_answered():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        unbound = esme.send(Unbind())  # and in the same read:
        submitted = esme.send(message("31612345678"))
        await esme.answer(unbound)
        await esme.closed()
        assert smsc.truth.summary().taken == 0

    assert submitted not in {pdu.sequence for pdu in esme.arrived}


async def test_a_stop_unbinds_every_session():
    async with simulated(unbind_within_s=DEADLINE_S) as smsc:
        esmes = [await Esme.bound(smsc.port) for _ in range(3)]
    for esme in esmes:
        await esme.seen(lambda pdu: pdu.command_id == Command.UNBIND)
        await esme.closed()


async def test_a_stop_does_not_wait_for_ever_for_a_peer_that_does_not_answer_the_unbind():
    async with simulated(unbind_within_s=0.05) as smsc:
        esme = await Esme.bound(smsc.port)
        esme.polite = False
    await esme.closed()


async def test_an_unknown_command_gets_a_generic_nack_and_the_session_lives():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        nack = await esme.nacked(Other(0x0BAD))
        assert nack.status == Status.ESME_RINVCMDID
        assert (await esme.submit("31612345678")).status == 0


async def test_an_unreadable_submission_gets_a_generic_nack_and_the_session_lives():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        nack = await esme.nacked(Other(Command.SUBMIT_SM, body=b"\0\1"))
        assert nack.status == Status.ESME_RINVCMDLEN
        assert (await esme.submit("31612345678")).status == 0


@pytest.mark.parametrize("length", [0, 15, PDU_OCTETS_MAX + 1, 0xFFFF_FFFF])
async def test_an_impossible_length_gets_a_generic_nack_and_ends_the_session(length: int):
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        taken = esme.send(message("31612345678"))  # in the same read, and good
        esme.transport.write(length.to_bytes(4) + b"\0" * 12)
        assert (await esme.answer(taken)).status == 0
        nack = await esme.seen(lambda pdu: isinstance(pdu, GenericNack))
        await esme.closed()

    assert (nack.status, nack.sequence) == (Status.ESME_RINVCMDLEN, 0)


@pytest.mark.parametrize(
    ("source", "destination", "status"),
    [
        (b"Tidings", b"", Status.ESME_RINVDSTADR),
        (b"Tidings", b"1" * 21, Status.ESME_RINVDSTADR),
        (b"x" * 21, b"31612345678", Status.ESME_RINVSRCADR),
    ],
)
async def test_an_impossible_address_is_refused(source: bytes, destination: bytes, status: Status):
    body = b"\0\5\0%b\0\1\1%b\0" % (source, destination) + bytes(10)
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.ask(Other(Command.SUBMIT_SM, body=body))

    assert answer.status == status


async def test_more_than_the_throughput_is_throttled_and_not_taken():
    async with simulated(throughput_per_s=3) as smsc:
        esme = await Esme.bound(smsc.port)
        submitted = [esme.send(message("31612349902")) for _ in range(20)]
        statuses = [(await esme.answer(sequence)).status for sequence in submitted]

    assert statuses[:3] == [0, 0, 0]
    assert set(statuses[3:]) >= {Status.ESME_RTHROTTLED}
    assert smsc.truth.summary().taken == statuses.count(0)
    assert smsc.truth.summary().refused == statuses.count(Status.ESME_RTHROTTLED)


def test_the_throughput_is_a_second_in_advance_and_then_the_rate():
    pace = Pace(4, now=100.0)
    assert [pace.allows(100.0) for _ in range(5)] == [True] * 4 + [False]
    assert [pace.allows(100.25) for _ in range(2)] == [True, False]
    assert [pace.allows(999.0) for _ in range(5)] == [True] * 4 + [False]
    assert Pace(None, now=0).allows(0)


async def test_a_session_with_too_many_unanswered_submissions_is_throttled():
    async with simulated(response_delay_s=0.2, submit_window=2) as smsc:
        esme = await Esme.bound(smsc.port)
        submitted = [esme.send(message("31612349902")) for _ in range(3)]
        assert (await esme.answer(submitted[2])).status == Status.ESME_RTHROTTLED
        assert [(await esme.answer(sequence)).status for sequence in submitted[:2]] == [0, 0]
        assert (await esme.submit("31612349902")).status == 0


async def test_a_full_smsc_takes_nothing_until_receipts_are_acknowledged():
    async with simulated(messages_max=2) as smsc:
        esme = await Esme.bound(smsc.port)
        for _ in "12":
            await esme.submit("31612345678")
        assert (await esme.submit("31612345678")).status == Status.ESME_RMSGQFUL
        await esme.told()
        await esme.ask(EnquireLink())
        assert (await esme.submit("31612345678")).status == 0


async def test_a_response_that_is_held_back_is_given_when_the_smsc_stops():
    async with simulated(response_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        submitted = esme.send(message("31612345678"))
        await esme.ask(EnquireLink())
    assert (await esme.answer(submitted)).status == 0
