"""What receipts say, where they go, and that each is sent until somebody acknowledges it."""

from collections import Counter

import pytest
from esme import Esme, message, simulated
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.sandbox.events import Address, Took
from tidings.connectors.sandbox.outcomes import DELIVERED, EXPIRED, UNDELIVERABLE, Verdict, When
from tidings.connectors.sandbox.receipts import receipt_frame, response_frame
from tidings.connectors.sandbox.settings import IdForm
from tidings.connectors.sandbox.truth import Message, Telling
from tidings.connectors.smpp.codes import Command, Status, Tlv
from tidings.connectors.smpp.pdu import (
    BindReceiver,
    BindTransmitter,
    DeliverSm,
    EnquireLink,
    GenericNack,
    SubmitSmResp,
    encode,
)
from tidings.connectors.smpp.receipt_text import read

MINUTE_OF_2026 = 1_795_305_600.0  # 2026-11-22 00:00 UTC


def deliveries(esme: Esme) -> list[DeliverSm]:
    return [pdu for pdu in esme.arrived if isinstance(pdu, DeliverSm)]


async def test_a_receipt_has_swapped_addresses_and_the_text_of_appendix_b_and_the_tlvs():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.submit("31612345678", short_message=b"Your code for id:7 stat:EXPIRED is 1234")
        receipt = await esme.receipt()

    assert (receipt.source_addr_ton, receipt.source_addr_npi, receipt.source_addr) == (1, 1, "31612345678")
    assert (receipt.dest_addr_ton, receipt.dest_addr_npi, receipt.destination_addr) == (5, 0, "Tidings")
    assert receipt.esm_class == 0x04
    assert receipt.tlvs == {
        Tlv.RECEIPTED_MESSAGE_ID: answer.message_id.encode() + b"\0",
        Tlv.MESSAGE_STATE: b"\2",
    }
    told = read(receipt.short_message)
    assert (told.id, told.sub, told.dlvrd, told.stat) == (answer.message_id, "001", "001", "DELIVRD")
    assert told.text == "Your code for id:7 s"
    assert len(told.submit_date) == len(told.done_date) == 10


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ({"short_message": b"\x00 \x02 \x11 caf\x05 \x1b\x65 and more than fits"}, "@ $ _ caf? ? and mor"),
        (
            {"data_coding": 8, "short_message": "Ваш код 1234 и ещё немного".encode("utf-16-be")},
            "??? ??? 1234 ? ??? ?",
        ),
        ({"data_coding": 3, "short_message": b"caf\xe9"}, "caf?"),
        ({"short_message": b"", "tlvs": {Tlv.MESSAGE_PAYLOAD: b"in a TLV"}}, "in a TLV"),
        ({"esm_class": 0x40, "short_message": b"\x05\0\x03\x09\x02\x01part one"}, "part one"),
        ({"esm_class": 0x40, "short_message": b"\xff\0\x03"}, ""),
        ({"esm_class": 0x40, "short_message": b""}, ""),
        ({"short_message": b""}, ""),
    ],
)
async def test_a_receipt_repeats_the_first_20_characters_in_ascii(fields: dict[str, object], head: str):
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678", **fields)
        assert ((await esme.told()).text or "") == head


@pytest.mark.parametrize(
    ("form", "base_in_answer", "base_in_receipt"),
    [(IdForm.DECIMAL, 10, 10), (IdForm.HEX, 16, 16), (IdForm.HEX_DEC, 16, 10)],
)
async def test_ids_are_spelt_as_the_id_form_says(form: IdForm, base_in_answer: int, base_in_receipt: int):
    async with simulated(id_form=form) as smsc:
        esme = await Esme.bound(smsc.port)
        answer = await esme.submit("31612345678")
        receipt = await esme.receipt()

    told = read(receipt.short_message).id
    assert int(answer.message_id, base_in_answer) == int(told, base_in_receipt)
    assert (answer.message_id == told) == (base_in_answer == base_in_receipt)
    assert receipt.tlvs[Tlv.RECEIPTED_MESSAGE_ID] == told.encode() + b"\0"


async def test_every_part_of_a_long_message_has_its_own_id_and_receipt():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        ids = [
            (
                await esme.submit(
                    "31612345678", esm_class=0x40, short_message=bytes((5, 0, 3, 9, 3, n)) + b"part"
                )
            ).message_id
            for n in (1, 2, 3)
        ]
        told = {(await esme.told()).id for _ in ids}

    assert told == set(ids)
    assert len(told) == 3
    assert [it.took.part for it in smsc.truth.to("31612345678")] == [(9, 3, 1), (9, 3, 2), (9, 3, 3)]


@pytest.mark.parametrize(("asked", "told"), [(0, 0), (1, 4), (2, 2), (3, 2), (0x11, 4)])
async def test_only_the_receipts_that_were_asked_for_are_sent(asked: int, told: int):
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        for destination in ("31612345678", "31612345679", "31612349906", "31612349907"):
            await esme.submit(destination, registered_delivery=asked)
        last = await esme.submit("31612340000")
        ids = [(await esme.told()).id for _ in range(told + 1)]

    assert ids[-1] == last.message_id
    assert smsc.truth.summary().receipts == told + 1


async def test_receipts_are_spread_over_all_binds_that_receive_each_once():
    async with simulated() as smsc:
        submitter = await Esme.bound(smsc.port, BindTransmitter)
        receivers = [await Esme.bound(smsc.port, BindReceiver), await Esme.bound(smsc.port)]
        submitted = [submitter.send(message("31612345678")) for _ in range(20)]
        ids = {(await submitter.answer(sequence)).message_id for sequence in submitted}
        told = [[(await esme.told()).id for _ in range(10)] for esme in receivers]

    assert Counter(told[0] + told[1]) == Counter(ids)
    assert deliveries(submitter) == []


@pytest.mark.parametrize(
    "status", [Status.ESME_RX_T_APPN, Status.ESME_RSYSERR, Status.ESME_RTHROTTLED, Status.ESME_RMSGQFUL]
)
async def test_a_receipt_that_is_put_off_is_sent_again_until_it_is_acknowledged(status: Status):
    async with simulated(retry_after_s=0.01) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        first = await esme.receipt()
        esme.reply(first, status)
        second = await esme.receipt()
        esme.reply(second, status)
        third = await esme.receipt()
        esme.reply(third)
        await esme.ask(EnquireLink())

    assert first.short_message == second.short_message == third.short_message
    telling = smsc.truth.to("31612345678")[0].tellings[0]
    assert (telling.sent, telling.put_off) == (3, 2)
    assert telling.acknowledged_at is not None


async def test_a_generic_nack_puts_a_receipt_off():
    async with simulated(retry_after_s=0.01) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        esme.write(GenericNack(sequence=(await esme.receipt()).sequence, status=Status.ESME_RINVCMDID))
        await esme.told()


@pytest.mark.parametrize("status", [Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN])
async def test_a_receipt_that_is_refused_for_good_is_lost(status: Status):
    async with simulated(retry_after_s=0.01, resend_after_s=0.01) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        esme.reply(await esme.receipt(), status)
        await esme.submit("31612345679")
        esme.reply(
            await esme.receipt(), Status.ESME_RX_T_APPN
        )  # its repetition would be behind that of the lost one
        await esme.told()

    assert {receipt.source_addr for receipt in deliveries(esme)[1:]} == {"31612345679"}
    assert (smsc.truth.summary().dropped, smsc.truth.summary().acknowledged) == (1, 1)


async def test_a_receipt_that_is_not_answered_is_sent_again_and_a_late_answer_to_the_first_counts():
    async with simulated(resend_after_s=0.05) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        first, _ = await esme.receipt(), await esme.receipt()
        esme.reply(first)
        await esme.ask(EnquireLink())
        assert smsc.truth.unsettled() == []


async def test_a_receipt_that_is_not_answered_on_one_bind_is_sent_on_another_one():
    async with simulated(resend_after_s=0.05) as smsc:
        deaf = await Esme.bound(smsc.port)
        answer = await deaf.submit("31612345678")
        await deaf.receipt()
        other = await Esme.bound(smsc.port, BindReceiver)
        assert (await other.told()).id == answer.message_id


async def test_what_a_lost_session_did_not_acknowledge_goes_to_the_next_one():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        ids = [(await esme.submit("31612345678")).message_id for _ in range(5)]
        assert (await esme.told()).id == ids[0]
        await esme.ask(EnquireLink())
        esme.leave()
        again = await Esme.bound(smsc.port)
        told = [(await again.told()).id for _ in range(4)]

    assert told == ids[1:]


async def test_a_receipt_that_is_acknowledged_while_it_waits_to_be_sent_again_is_not():
    async with simulated(resend_after_s=0.3, deliver_window=2) as smsc:
        esme = await Esme.bound(smsc.port)
        for _ in range(3):
            await esme.submit("31612345678")
        first = [await esme.receipt() for _ in range(2)]
        again = [
            await esme.receipt() for _ in range(2)
        ]  # the third, and the first once more: the window is full
        assert again[1].short_message == first[0].short_message
        for receipt in (first[1], *again):
            esme.reply(receipt)
        await esme.ask(EnquireLink())

    assert len(deliveries(esme)) == 4


async def test_receipts_for_an_absent_client_are_kept():
    async with simulated() as smsc:
        transmitter = await Esme.bound(smsc.port, BindTransmitter)
        ids = [(await transmitter.submit("31612345678")).message_id for _ in range(3)]
        transmitter.leave()
        receiver = await Esme.bound(smsc.port, BindReceiver)
        assert [(await receiver.told()).id for _ in ids] == ids


async def test_a_session_has_at_most_its_window_of_unacknowledged_receipts():
    async with simulated(deliver_window=3) as smsc:
        esme = await Esme.bound(smsc.port)
        for _ in range(5):
            await esme.submit("31612345678")
        receipts = [await esme.receipt() for _ in range(3)]
        await esme.ask(EnquireLink())
        assert len(deliveries(esme)) == 3
        esme.reply(receipts[1])
        await esme.receipt()
        await esme.ask(EnquireLink())
        assert len(deliveries(esme)) == 4


async def test_an_answer_to_a_receipt_that_was_never_sent_changes_nothing():
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        esme.reply(DeliverSm(sequence=77))
        esme.reply(DeliverSm(sequence=77), Status.ESME_RX_T_APPN)
        await esme.submit("31612345678")
        await esme.told()
        await esme.ask(EnquireLink())
        assert smsc.truth.summary().acknowledged == 1


async def test_a_receipt_waits_for_a_response_that_is_held_back():
    async with simulated(response_delay_s=0.05) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        await esme.told()

    commands = [pdu.command_id for pdu in esme.arrived]
    assert commands.index(Command.SUBMIT_SM_RESP) < commands.index(Command.DELIVER_SM)


addresses = st.builds(
    Address,
    st.integers(0, 255),
    st.integers(0, 255),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
)


@given(
    number=st.integers(1, 2**63),
    sequence=st.integers(1, 0x7FFF_FFFF),
    form=st.sampled_from(IdForm),
    verdict=st.sampled_from([DELIVERED, EXPIRED, UNDELIVERABLE]),
    source=addresses,
    destination=addresses,
    head=st.binary(max_size=20),
    tlvs=st.booleans(),
)
def test_the_frames_put_together_by_hand_are_those_of_the_codec(
    number: int,
    sequence: int,
    form: IdForm,
    verdict: Verdict,
    source: Address,
    destination: Address,
    head: bytes,
    tlvs: bool,
):
    took = Took(
        id=number,
        at=MINUTE_OF_2026,
        source=source,
        destination=destination,
        part=None,
        digest="",
        outcome="",
        end=verdict,
        due=MINUTE_OF_2026 + 119,
        receipts=(verdict,),
        when=When.USUAL,
        in_turn=False,
    )
    in_answer = str(number) if form is IdForm.DECIMAL else f"{number:x}"
    told_id = f"{number:x}" if form is IdForm.HEX else str(number)
    text = (
        f"id:{told_id} sub:001 dlvrd:{'001' if verdict is DELIVERED else '000'} submit date:2611220000"
        f" done date:2611220001 stat:{verdict.stat} err:{verdict.err} text:"
    )
    receipt = DeliverSm(
        sequence=sequence,
        source_addr_ton=destination.ton,
        source_addr_npi=destination.npi,
        source_addr=destination.digits,
        dest_addr_ton=source.ton,
        dest_addr_npi=source.npi,
        destination_addr=source.digits,
        esm_class=4,
        short_message=text.encode() + head,
        tlvs={0x001E: told_id.encode() + b"\0", 0x0427: bytes((verdict.state,))} if tlvs else {},
    )
    kept = Message(took, (Telling(),), head)

    assert receipt_frame(kept, 0, sequence=sequence, form=form, tlvs=tlvs) == encode(receipt)
    assert response_frame(number, sequence=sequence, form=form) == encode(
        SubmitSmResp(sequence=sequence, message_id=in_answer)
    )
