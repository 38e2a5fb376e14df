"""The short way of ordinary messages gives what the long way gives, and is taken where it may be."""

from pathlib import Path

import pytest
from esme import Esme, message, simulated
from hypothesis import assume, given
from hypothesis import strategies as st

from tidings.connectors.sandbox.content import content_of, destination_of, source_of
from tidings.connectors.sandbox.outcomes import OTHERWISE, outcome_of
from tidings.connectors.sandbox.plain import Plain, Turn, plain
from tidings.connectors.sandbox.receipts import receipt_frame, response_frame
from tidings.connectors.sandbox.script import parse
from tidings.connectors.sandbox.settings import IdForm, Settings
from tidings.connectors.sandbox.smsc import SimulatedSmsc
from tidings.connectors.smpp.codes import Status, Tlv
from tidings.connectors.smpp.pdu import EnquireLink, SubmitSm, encode

AT = 1_795_305_600.5
LATIN = st.characters(min_codepoint=1, max_codepoint=255)
OCTET = st.integers(0, 255)
NUMBER = st.text("0123456789", min_size=1, max_size=20)
SUBMISSIONS = st.builds(
    SubmitSm,
    sequence=st.integers(1, 0x7FFF_FFFF),
    service_type=st.text(LATIN, max_size=5),
    source_addr_ton=OCTET,
    source_addr_npi=OCTET,
    source_addr=st.text(LATIN, max_size=20),
    dest_addr_ton=OCTET,
    dest_addr_npi=OCTET,
    destination_addr=NUMBER,
    esm_class=st.sampled_from([0, 3]),
    validity_period=st.sampled_from(["", "000000010000000R"]),
    registered_delivery=st.sampled_from([1, 0x11]),
    short_message=st.binary(min_size=1, max_size=254),
)


def turn(form: IdForm = IdForm.DECIMAL) -> Turn:
    return Turn(at=AT, due=AT + 60, session=3, id_form=form)


@given(SUBMISSIONS, st.sampled_from(list(IdForm)), st.booleans())
def test_what_is_kept_short_is_answered_told_and_remembered_as_the_long_way_does(
    submit: SubmitSm, form: IdForm, tlvs: bool
) -> None:
    found = plain(encode(submit), id=7_000_001, turn=turn(form))
    assume(found is not None)
    content, remembered = content_of(submit), found.message

    assert outcome_of(submit.destination_addr) is OTHERWISE
    assert found.response() == response_frame(7_000_001, sequence=submit.sequence, form=form)
    told = receipt_frame(remembered, 0, sequence=9, form=form, tlvs=tlvs)
    assert found.receipt(sequence=9, tlvs=tlvs) == told
    assert (remembered.took.source, remembered.took.destination) == (
        source_of(submit),
        destination_of(submit),
    )
    assert (remembered.took.part, remembered.took.digest, remembered.head) == content
    assert remembered.tellings[0] is found


@given(st.binary(max_size=120))
def test_any_octets_are_read_or_left_to_the_long_way(octets: bytes) -> None:
    frame = (16 + len(octets)).to_bytes(4) + b"\0\0\0\4" + bytes(8) + octets
    found = plain(frame, id=1, turn=turn())
    if found is not None:
        assert found.message.took.destination.digits


@pytest.mark.parametrize(
    "unusual",
    [
        {"destination_addr": "31612349902"},
        {"destination_addr": ""},
        {"destination_addr": "3" * 21},
        {"esm_class": 0x40, "short_message": b"\x05\0\x03\x09\x02\x01part one"},
        {"data_coding": 8, "short_message": b"\0a"},
        {"registered_delivery": 0},
        {"registered_delivery": 2},
        {"short_message": b""},
        {"short_message": b"\x1b\x65 1"},
        {"tlvs": {int(Tlv.MESSAGE_PAYLOAD): b"in a TLV"}},
    ],
)
def test_what_is_out_of_the_ordinary_goes_the_long_way(unusual: dict[str, object]) -> None:
    try:
        frame = encode(message("31612345678", **unusual))
    except ValueError:
        frame = encode(message("31612345678")).replace(b"31612345678", b"3" * 21)
    assert plain(frame, id=1, turn=turn()) is None


def test_a_cut_frame_goes_the_long_way() -> None:
    whole = encode(message("31612345678"))
    cut = [octets.to_bytes(4) + whole[4:octets] for octets in range(16, len(whole))]
    assert [frame for frame in cut if plain(frame, id=1, turn=turn()) is not None] == []
    assert plain(whole, id=1, turn=turn()) is not None


def kept_short(smsc: SimulatedSmsc) -> int:
    """How many messages nobody has had to read."""
    return sum(isinstance(it, Plain) for it in smsc.truth._plain.values())


async def test_ordinary_messages_go_the_short_way_and_the_truth_knows_them_all() -> None:
    async with simulated(receipt_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        for ending in ("0000", "9906", "0001"):
            await esme.submit(f"3161234{ending}")
        assert kept_short(smsc) == 2
        taken = smsc.truth.messages
        assert [it.took.destination.digits[-4:] for it in taken.values()] == ["0000", "9906", "0001"]
        assert list(taken) == sorted(taken)
        assert kept_short(smsc) == 0


@pytest.mark.parametrize(
    "how", [{"throughput_per_s": 1000}, {"response_delay_s": 0.001}, {"state": "state"}], ids=str
)
async def test_where_each_has_to_be_looked_at_the_short_way_is_closed(
    how: dict[str, object], tmp_path: Path
) -> None:
    if "state" in how:
        how = {"state": tmp_path / "state"}
    async with simulated(receipt_delay_s=60, **how) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        assert (kept_short(smsc), smsc.truth.summary().taken) == (0, 1)


async def test_a_fault_script_sees_every_message() -> None:
    script = parse('[[rule]]\nfault = "throttle"\nnth = 2')
    settings = Settings(port=0, receipt_delay_s=60)
    async with SimulatedSmsc(settings, script=script) as smsc:
        esme = await Esme.bound(smsc.port)
        answers = [(await esme.submit("31612345678")).status for _ in range(3)]
    assert answers == [0, Status.ESME_RTHROTTLED, 0]


async def test_answers_leave_in_the_order_of_the_requests_whichever_way_each_goes() -> None:
    async with simulated(receipt_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        endings = ["0000", "9906", "0001", "9908", "0002"]
        octets = b"".join(
            encode(message(f"3161234{ending}", sequence=100 + n)) for n, ending in enumerate(endings)
        )
        esme.transport.write(octets)
        await esme.ask(EnquireLink())
        answered = [pdu.sequence for pdu in esme.arrived if 100 <= pdu.sequence < 100 + len(endings)]
    assert answered == [100, 101, 102, 103, 104]


async def test_a_full_simulator_takes_no_more_the_short_way_either() -> None:
    async with simulated(receipt_delay_s=60, messages_max=2) as smsc:
        esme = await Esme.bound(smsc.port)
        answers = [(await esme.submit("31612345678")).status for _ in range(3)]
    assert answers == [0, 0, Status.ESME_RMSGQFUL]


async def test_a_question_finds_a_message_that_nobody_has_read_yet() -> None:
    async with simulated(receipt_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        number = int((await esme.submit("31612345678")).message_id)
        found = smsc.truth.find(number)
        assert found is not None
        assert found.took.destination.digits == "31612345678"
        assert kept_short(smsc) == 1
        assert smsc.truth.find(number + 1) is None
