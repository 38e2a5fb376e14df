"""The last four digits of the destination choose the outcome: what a peer sees of each."""

import pytest
from esme import Esme, message, simulated

from tidings.connectors.sandbox.outcomes import OTHERWISE, OUTCOMES, outcome_of
from tidings.connectors.smpp.codes import Command, Status, Tlv
from tidings.connectors.smpp.pdu import EnquireLink, Other
from tidings.connectors.smpp.receipt_text import read


async def test_any_other_number_is_delivered_and_told_so_once():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.submit("31612345678")
        told = await esme.told()

    assert (told.id, told.stat, told.err) == (answer.message_id, "DELIVRD", "000")
    assert [pdu.command_id for pdu in esme.arrived].count(Command.DELIVER_SM) == 1


async def test_the_receipt_comes_after_the_answer():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        await esme.told()

    commands = [pdu.command_id for pdu in esme.arrived]
    assert commands.index(Command.SUBMIT_SM_RESP) < commands.index(Command.DELIVER_SM)


async def test_9902_is_delivered_in_silence():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        silent = await esme.submit("31612349902")
        other = await esme.submit("31612345678")
        assert (await esme.told()).id == other.message_id

    summary = smsc.truth.summary()
    assert silent.status == 0
    assert (summary.taken, summary.delivered, summary.receipts, summary.told) == (2, 2, 1, 1)


async def test_9903_is_told_late():
    async with simulated(late_delay_s=0.2) as smsc:
        esme = await Esme.bound(smsc.port)
        late = await esme.submit("31612349903")
        prompt = await esme.submit("31612345678")

        assert [(await esme.told()).id for _ in "12"] == [prompt.message_id, late.message_id]


async def test_9904_is_told_twice_in_the_same_words():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612349904")
        first, second = await esme.receipt(), await esme.receipt()

    assert first.short_message == second.short_message
    assert first.tlvs == second.tlvs
    assert first.sequence != second.sequence


async def test_9905_is_told_delivered_and_once_that_is_acknowledged_undeliverable():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.submit("31612349905")
        first = await esme.receipt()
        await esme.ask(EnquireLink())  # whatever was sent with the first one is here now
        assert sum(pdu.command_id == Command.DELIVER_SM for pdu in esme.arrived) == 1
        esme.reply(first)
        second = await esme.told()

    assert read(first.short_message).stat == "DELIVRD"
    assert (second.id, second.stat) == (answer.message_id, "UNDELIV")
    assert smsc.truth.summary().delivered == 1


@pytest.mark.parametrize(
    ("destination", "stat", "err", "state"),
    [("31612349906", "UNDELIV", "001", 5), ("31612349907", "EXPIRED", "000", 3)],
)
async def test_9906_and_9907_are_told_not_delivered(destination: str, stat: str, err: str, state: int):
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit(destination)
        receipt = await esme.receipt()

    told = read(receipt.short_message)
    assert (told.stat, told.err, told.dlvrd) == (stat, err, "000")
    assert receipt.tlvs[Tlv.MESSAGE_STATE] == bytes((state,))
    assert smsc.truth.summary().delivered == 0


async def test_9908_is_not_taken_and_never_spoken_of_again():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        refused = await esme.submit("31612349908")
        taken = await esme.submit("31612345678")
        assert (await esme.told()).id == taken.message_id

    assert (refused.status, refused.message_id) == (Status.ESME_RX_R_APPN, None)
    assert (smsc.truth.summary().taken, smsc.truth.summary().refused) == (1, 1)


async def test_9909_is_told_before_the_answer():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        submitted = esme.send(message("31612349909"))
        told = await esme.told()
        answer = await esme.answer(submitted)

    commands = [pdu.command_id for pdu in esme.arrived]
    assert commands.index(Command.DELIVER_SM) < commands.index(Command.SUBMIT_SM_RESP)
    assert told.id == answer.message_id


async def test_9909_is_answered_even_if_nobody_takes_its_receipt():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.submit("31612349909")
        assert answer.status == 0


def test_every_script_of_the_table_is_chosen_by_the_end_of_a_number_however_it_is_written():
    for ending, outcome in OUTCOMES.items():
        assert outcome_of(f"+31 6 1234 {ending}") is outcome
        assert outcome_of(f"{ending}1") is OTHERWISE
    assert outcome_of("") is OTHERWISE


async def test_query_sm_tells_what_really_became_of_a_message():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        ends = {"9902": 2, "9905": 2, "9906": 5, "9907": 3, "0000": 2}
        for ending, state in ends.items():
            answer = await esme.submit(f"3161234{ending}")
            body = answer.message_id.encode() + b"\0\1\1Tidings\0"
            found = await esme.ask(Other(Command.QUERY_SM, body=body))
            shown_id, date, rest = found.body.split(b"\0", 2)
            assert (found.status, shown_id.decode(), rest[0]) == (0, answer.message_id, state)
            assert len(date) == 16


async def test_query_sm_calls_a_message_that_is_not_decided_yet_enroute():
    async with simulated(receipt_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.submit("31612349906")
        found = await esme.ask(Other(Command.QUERY_SM, body=answer.message_id.encode() + b"\0\1\1Tidings\0"))

    assert found.body == answer.message_id.encode() + b"\0\0\1\0"


@pytest.mark.parametrize("named", [b"77\0\1\1Tidings\0", b"junk\0", b"", b"9" * 4400])
async def test_query_sm_for_what_nobody_knows_is_an_error(named: bytes):
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        found = await esme.ask(Other(Command.QUERY_SM, body=named))

    assert found.status == Status.ESME_RINVMSGID
