"""The truth: what was really taken and told, kept in memory, in a file, and over a kill."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from esme import Esme, message, simulated

from tidings.connectors.sandbox.events import Address, Answered, Refused, Told, Took
from tidings.connectors.sandbox.journal import Journal, read_events
from tidings.connectors.sandbox.outcomes import DELIVERED, UNDELIVERABLE, When
from tidings.connectors.sandbox.truth import Key, Truth, read_truth
from tidings.connectors.smpp.codes import Status
from tidings.connectors.smpp.pdu import EnquireLink
from tidings.domain.errors import Misconfigured

SENDER, PHONE = Address(5, 0, "Tidings"), Address(1, 1, "31612345678")


def took(number: int, *, receipts: int = 1, digest: str = "d") -> Took:
    return Took(
        id=number,
        at=1.0,
        source=SENDER,
        destination=PHONE,
        part=None,
        digest=digest,
        outcome="delivered",
        end=DELIVERED,
        due=2.0,
        receipts=(DELIVERED,) * receipts,
        when=When.USUAL,
        in_turn=False,
    )


def test_the_fold_counts_what_was_taken_told_repeated_and_acknowledged():
    truth = Truth().fold(
        [
            took(1),
            took(2, receipts=2),
            took(3, receipts=0),
            Refused(
                at=1.0, source=SENDER, destination=PHONE, part=None, digest="d", outcome="x", status=0x66
            ),
            Told(1, 0, 3.0),
            Told(1, 0, 4.0),
            Told(2, 0, 4.0),
            Answered(1, 0, 5.0, 0x64),
            Answered(1, 0, 6.0, 0),
            Answered(1, 0, 7.0, 0),
            Answered(2, 0, 7.0, 0x65),
        ]
    )
    summary = truth.summary()

    assert (summary.taken, summary.refused, summary.delivered, summary.receipts) == (3, 1, 3, 3)
    assert (summary.told, summary.repeated, summary.acknowledged, summary.dropped) == (3, 1, 1, 1)
    assert [it.took.id for it in truth.unsettled()] == [2]
    first = truth.messages[1].tellings[0]
    assert (first.sent, first.first_at, first.last_at) == (2, 3.0, 4.0)
    assert (first.put_off, first.acknowledged_at) == (1, 6.0)


def test_an_acknowledgement_undoes_a_refusal_but_not_the_other_way_round():
    refused_first = Truth().fold([took(1), Answered(1, 0, 1.0, 0x66), Answered(1, 0, 2.0, 0)])
    taken_first = Truth().fold([took(1), Answered(1, 0, 1.0, 0), Answered(1, 0, 2.0, 0x66)])

    for truth in (refused_first, taken_first):
        assert (truth.summary().acknowledged, truth.summary().dropped) == (1, 0)
        assert truth.unsettled() == []


def test_what_was_delivered_is_what_really_became_of_it_not_what_was_told():
    truth = Truth()
    event = took(1)
    truth.took(
        Took(**{name: getattr(event, name) for name in event.__struct_fields__} | {"end": UNDELIVERABLE})
    )

    assert truth.summary().delivered == 0


def test_copies_tell_which_message_a_handset_got_twice():
    truth = Truth().fold([took(1), took(2), took(3, digest="other")])

    assert truth.copies() == {Key(SENDER, PHONE, None, "d"): 2, Key(SENDER, PHONE, None, "other"): 1}


def test_the_oldest_settled_messages_are_forgotten_and_the_counts_stay():
    truth = Truth(messages_max=2)
    truth.took(took(1))
    for number in range(2, 100):
        truth.took(took(number))
        truth.answered(Answered(number, 0, 1.0, 0))

    assert list(truth.messages) == [1, 99]
    assert (truth.summary().taken, truth.summary().acknowledged) == (99, 98)


def test_events_about_forgotten_messages_are_harmless():
    truth = Truth(messages_max=1).fold([Told(7, 0, 1.0), Answered(7, 0, 1.0, 0)])

    assert truth.summary() == Truth().summary()


async def test_the_state_file_tells_the_same_as_the_running_smsc(tmp_path: Path):
    state = tmp_path / "state"
    async with simulated(state=state, retry_after_s=0.01) as smsc:
        esme = await Esme.bound(smsc.port)
        for ending in ("0000", "9902", "9904", "9905", "9906", "9908", "9909"):
            await esme.submit(f"3161234{ending}")
        esme.reply(await esme.receipt(), Status.ESME_RX_T_APPN)
        for _ in range(7):
            await esme.told()
        await esme.ask(EnquireLink())
        live = read_truth(state)
        assert live.summary() == smsc.truth.summary()
        assert live.unsettled() == []

    after = read_truth(state)
    assert after.summary() == smsc.truth.summary()
    assert {number: it.tellings for number, it in after.messages.items()} == {
        number: it.tellings for number, it in smsc.truth.messages.items()
    }


async def test_no_text_is_written_down(tmp_path: Path):
    state = tmp_path / "state"
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678", short_message=b"Your secret code is 1234")
        await esme.told()

    assert b"secret" not in state.read_bytes()
    assert state.stat().st_mode & 0o777 == 0o600


async def test_equal_texts_have_equal_digests_whatever_their_header(tmp_path: Path):
    async with simulated() as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678", short_message=b"part")
        await esme.submit("31612345678", esm_class=0x40, short_message=b"\5\0\3\7\2\1part")
        await esme.submit("31612345678", esm_class=0x40, short_message=b"\6\x08\4\1\7\2\2part")
        await esme.submit(
            "31612345678", short_message=b"part", tlvs={0x020C: b"\0\7", 0x020E: b"\2", 0x020F: b"\1"}
        )
        await esme.submit("31612345678", esm_class=0x40, short_message=b"\3\x05\1\7other")

    kept = [it.took for it in smsc.truth.to("31612345678")]
    assert len({it.digest for it in kept[:4]}) == 1
    assert kept[4].digest != kept[0].digest
    assert [it.part for it in kept] == [None, (7, 2, 1), (263, 2, 2), (7, 2, 1), None]


async def test_an_smsc_that_comes_back_goes_on_where_it_was(tmp_path: Path):
    state = tmp_path / "state"
    async with simulated(state=state, receipt_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        open_ids = [(await esme.submit(f"3161234{ending}")).message_id for ending in ("9905", "9902", "9909")]
        esme.reply(await esme.receipt())  # the early one
        await esme.ask(EnquireLink())

    text = state.read_text().replace('"due":', '"due":0.0,"was_due":')  # 60 s went by
    state.write_text(text)
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        first, second = await esme.told(), await esme.told()
        new = await esme.submit("31612349902")
        await esme.ask(EnquireLink())
        assert smsc.truth.unsettled() == []

    assert [(it.id, it.stat) for it in (first, second)] == [
        (open_ids[0], "DELIVRD"),
        (open_ids[0], "UNDELIV"),
    ]
    assert int(new.message_id) > max(map(int, open_ids))


async def test_a_receipt_that_is_not_due_yet_is_not_told_earlier_for_a_restart(tmp_path: Path):
    state = tmp_path / "state"
    async with simulated(state=state, receipt_delay_s=60) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        other = await esme.submit("31612345679")
        assert (await esme.told()).id == other.message_id
        await esme.ask(EnquireLink())
        assert [it.took.destination.digits for it in smsc.truth.unsettled()] == ["31612345678"]


async def test_ids_do_not_repeat_when_the_clock_goes_back_over_a_restart(tmp_path: Path):
    state = tmp_path / "state"
    journal = Journal(state)
    journal.append(took(9_000_000_000_000_000))
    journal.close()
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        assert (await esme.submit("31612349902")).message_id == "9000000000000001"


async def test_a_torn_last_line_is_cut_off_and_the_rest_is_good(tmp_path: Path):
    state = tmp_path / "state"
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612349902")
    whole = state.read_bytes()
    state.write_bytes(whole + whole[:50])

    assert read_truth(state).summary().taken == 1
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612349902")
    assert read_truth(state).summary().taken == 2


@pytest.mark.parametrize(
    "content", [b"not json\n", b'{"event":"dreamt"}\n', b"\0" * 5000, b'{"event":"took"}\n']
)
async def test_a_file_that_is_no_state_file_is_refused_and_left_alone(tmp_path: Path, content: bytes):
    state = tmp_path / "state"
    state.write_bytes(content)
    with pytest.raises(Misconfigured, match="is not a state file"):
        async with simulated(state=state):
            pass
    assert state.read_bytes() == content


async def test_two_smscs_cannot_share_a_state_file(tmp_path: Path):
    async with simulated(state=tmp_path / "state"):
        with pytest.raises(Misconfigured, match="--state"):
            async with simulated(state=tmp_path / "state"):
                pass


async def test_a_state_file_that_cannot_be_made_is_refused(tmp_path: Path):
    with pytest.raises(Misconfigured, match="--state"):
        async with simulated(state=tmp_path / "nowhere" / "state"):
            pass


async def test_the_state_file_is_let_go_when_the_port_is_taken(tmp_path: Path):
    async with simulated() as other:
        with pytest.raises(Misconfigured, match="--port"):
            async with simulated(state=tmp_path / "state", port=other.port):
                pass
    async with simulated(state=tmp_path / "state"):
        pass


@contextmanager
def disk_of(octets: int) -> Iterator[None]:
    """No file of this process may grow beyond so much."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_what_cannot_be_written_down_is_not_answered(tmp_path: Path):
    state = tmp_path / "state"
    async with simulated(state=state) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612349902")
        with disk_of(state.stat().st_size + 20):
            unanswered = esme.send(message("31612349902"))
            await esme.closed()
        assert smsc.failed.done()

    assert unanswered not in {pdu.sequence for pdu in esme.arrived}
    assert read_truth(state).summary().taken == 1


def test_lines_are_on_disk_after_a_flush_and_not_before(tmp_path: Path):
    journal = Journal(tmp_path / "state")
    journal.append(took(1))
    assert list(read_events(tmp_path / "state")) == []
    journal.flush()
    assert list(read_events(tmp_path / "state")) == [took(1)]
    journal.close()
