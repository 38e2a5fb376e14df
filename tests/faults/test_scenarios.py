"""What carriers do, one story each: a shipped fault script, a real SMPP session, and what the gateway says then."""

import ast
from functools import partial
from pathlib import Path

import pytest
from scene import HOUR_S, Opener, Scene, staged

from tidings.connectors.sandbox.script import read_script, shipped
from tidings.connectors.sandbox.settings import IdForm
from tidings.domain.delivery import Flag
from tidings.domain.evidence import Kind
from tidings.domain.reason import Reason
from tidings.domain.status import State

LONG = "It is a long way to go. " * 17  # three parts
NUMBER = "380970000001"


def numbers(many: int) -> list[str]:
    return [f"38097000{n:04}" for n in range(1, many + 1)]


@pytest.fixture
def scene(empty_database: str, tmp_path: Path) -> Opener:
    """Opens a scene with a script."""
    return partial(staged, empty_database, tmp_path)


# --- Answers and receipts that cross


async def test_a_receipt_that_outruns_its_answer_is_applied_with_it(scene: Opener):
    async with scene("receipt-before-response") as it:
        message = await it.send(NUMBER)

        assert await it.ends(message) is State.DELIVERED
        kinds = await it.kinds(message)
        assert kinds.index(Kind.ANSWERED) < kinds.index(Kind.RECEIPT)
        await it.balances()
        assert await it.orphans() == 0


async def test_a_receipt_on_another_bind_belongs_to_its_message(scene: Opener):
    async with scene("receipt-on-other-bind", binds=2) as it:
        messages = await it.send_all(numbers(6))

        assert [await it.ends(one) for one in messages] == [State.DELIVERED] * 6
        await it.balances()
        taken = it.smsc.truth.messages.values()
        assert all(one.tellings[0].session != one.took.session for one in taken)


async def test_an_answer_after_seventy_seconds_ends_the_doubt(scene: Opener):
    async with scene("late-response", hurry=350, answer_timeout_s=0.05, late_answer_s=10) as it:
        message = await it.send(NUMBER)

        assert await it.ends(message) is State.DELIVERED
        assert await it.kinds(message) == [
            *(Kind.ACCEPTED, Kind.WRITTEN, Kind.DOUBT, Kind.ANSWERED, Kind.RECEIPT)
        ]
        await it.passes(120)
        assert len(it.smsc.truth.to(NUMBER)) == 1
        assert await it.flags(message) == set()
        await it.balances()


# --- No answer


async def test_a_lost_answer_is_made_up_for_by_the_receipt(scene: Opener):
    async with scene("no-response-then-receipt") as it:
        message = await it.send(NUMBER)

        assert await it.ends(message) is State.DELIVERED
        assert Kind.DOUBT in await it.kinds(message)
        await it.passes(120)
        assert len(it.smsc.truth.to(NUMBER)) == 1, "what a receipt has named is not sent again"
        assert await it.flags(message) == set()
        await it.balances()


async def test_what_stays_in_doubt_is_sent_once_more_and_says_so(scene: Opener):
    async with scene("no-response-no-receipt") as it:
        message = await it.send(NUMBER)
        await it.happens(message, Kind.DOUBT)

        await it.passes(61)

        assert await it.ends(message) is State.DELIVERED
        assert await it.flags(message) == {Flag.POSSIBLE_DUPLICATE}
        assert list(it.smsc.truth.copies().values()) == [2], "the handset did get it twice"
        await it.balances()


async def test_advertising_in_doubt_is_never_sent_again(scene: Opener):
    async with scene("no-response-no-receipt") as it:
        shop = await it.world.other_account("shop", traffic_class="promotional")
        message = await it.send(NUMBER, by=shop)
        await it.happens(message, Kind.DOUBT)

        await it.passes(61)
        assert (await it.standing(message)).state is State.SENT
        assert await it.flags(message) == {Flag.UNCONFIRMED_SUBMIT}
        await it.passes(97 * HOUR_S)

        standing = await it.standing(message)
        assert (standing.state, standing.reason) == (State.NO_RECEIPT, Reason.SUBMIT_NOT_CONFIRMED)
        assert len(it.smsc.truth.to(NUMBER)) == 1
        await it.balances()


async def test_lost_answers_among_many_harm_nobody(scene: Opener):
    async with scene("lost-responses", seed=7, answer_timeout_s=0.2, late_answer_s=0.3) as it:
        messages = await it.send_all(numbers(40))

        assert {await it.ends(one) for one in messages} == {State.DELIVERED}
        lost = it.smsc.truth.summary().unanswered
        assert 0 < lost < 40
        assert sum(it.smsc.truth.copies().values()) == 40
        await it.balances()


# --- Refusals


async def test_throttled_messages_are_taken_later_each_once(scene: Opener):
    async with scene("throttle-burst") as it:
        messages = await it.send_all(numbers(5))

        assert {await it.ends(one) for one in messages} == {State.DELIVERED}
        summary = it.smsc.truth.summary()
        assert (summary.refused, summary.taken) == (10, 5)
        await it.balances()


async def test_a_full_queue_of_one_number_holds_up_nobody_else(scene: Opener):
    async with scene("queue-full-for-one") as it:
        held = await it.send("380970007777")
        others = await it.send_all(numbers(5))

        assert {await it.ends(one) for one in others} == {State.DELIVERED}
        assert (await it.standing(held)).state is State.SENDING
        for times, seconds in enumerate((30, 60, 120), 1):
            await it.happens(held, Kind.REQUEUED, times)
            await it.passes(seconds)
        assert await it.ends(held) is State.DELIVERED
        assert len(it.smsc.truth.to("380970007777")) == 1
        await it.balances()


async def test_a_system_error_is_tried_again(scene: Opener):
    async with scene("system-error") as it:
        message = await it.send("380970008888")

        await it.happens(message, Kind.REQUEUED)
        await it.passes(30)
        assert await it.ends(message) is State.DELIVERED
        assert await it.flags(message) == set()
        await it.balances()


# --- What receipts say


async def test_a_receipt_that_repeats_counts_once(scene: Opener):
    async with scene("duplicate-receipts") as it:
        message = await it.send(NUMBER)

        assert await it.ends(message) is State.DELIVERED
        await it.told()
        assert it.smsc.truth.summary().acknowledged == 3
        assert await it.words(message) == ["DELIVRD"]
        assert await it.reports(message) == ["delivered"]
        await it.balances()


async def test_delivered_after_expired_corrects_it(scene: Opener):
    async with scene("expired-then-delivered") as it:
        message = await it.send(NUMBER)
        await it.becomes(message, State.DELIVERED)

        await it.balances()
        assert await it.words(message) == ["EXPIRED", "DELIVRD"]
        assert await it.reports(message) == ["expired", "delivered"]
        assert await it.flags(message) == {Flag.CORRECTED}


async def test_undelivered_after_delivered_is_noted_and_not_believed(scene: Opener):
    async with scene("delivered-then-undelivered") as it:
        message = await it.send(NUMBER)
        await it.happens(message, Kind.RECEIPT, 2)

        await it.balances()
        assert await it.words(message) == ["DELIVRD", "UNDELIV"]
        assert (await it.standing(message)).state is State.DELIVERED
        assert await it.reports(message) == ["delivered"]


async def test_receipts_out_of_order_lead_to_the_same_end(scene: Opener):
    async with scene("receipts-out-of-order", hurry=2) as it:
        messages = [*await it.send_all(numbers(5)), await it.send("380970009000", LONG)]

        assert {await it.ends(one) for one in messages} == {State.DELIVERED}
        await it.balances()
        assert await it.words(messages[0]) == ["DELIVRD", "ENROUTE"]
        assert {(await it.standing(one)).state for one in messages} == {State.DELIVERED}


async def test_a_receipt_days_later_corrects_the_silence(scene: Opener):
    async with scene("late-receipts", hurry=3 * 24 * HOUR_S) as it:  # a second
        message = await it.send(NUMBER, hours=1)
        await it.happens(message, Kind.ANSWERED)

        await it.passes(26 * HOUR_S)
        assert (await it.standing(message)).state is State.NO_RECEIPT
        await it.becomes(message, State.DELIVERED)

        assert await it.reports(message) == ["no_receipt", "delivered"]
        assert await it.flags(message) == {Flag.CORRECTED}
        await it.balances()


# --- Long messages


async def test_a_long_message_of_which_the_last_part_is_receipted_is_delivered(scene: Opener):
    async with scene("only-last-part", receipt_parts="last") as it:
        message = await it.send(NUMBER, LONG)

        assert await it.ends(message) is State.DELIVERED
        assert it.smsc.truth.summary().receipts == 1
        await it.balances()


async def test_a_long_message_of_which_any_one_part_is_receipted_is_delivered(scene: Opener):
    async with scene("any-one-part", receipt_parts="any_one") as it:
        messages = [await it.send(number, LONG) for number in numbers(12)]

        assert {await it.ends(one) for one in messages} == {State.DELIVERED}
        assert it.smsc.truth.summary().receipts == 12
        await it.balances()
        told = [one.took.part.number for one in it.smsc.truth.messages.values() if one.tellings]
        assert len(set(told)) > 1, "which part it is cannot be foreseen"


@pytest.mark.parametrize("script", ["lost-part-receipt", "only-last-part", "any-one-part"])
async def test_a_part_that_nobody_spoke_of_leaves_the_message_without_an_answer(scene: Opener, script: str):
    async with scene(script) as it:
        message = await it.send(NUMBER, LONG)
        await it.happens(message, Kind.ANSWERED, 3)
        await it.balances()

        await it.passes(97 * HOUR_S)

        standing = await it.standing(message)
        assert (standing.state, standing.reason) == (State.NO_RECEIPT, Reason.NO_RECEIPT)
        assert Flag.PARTIAL in await it.flags(message), await it.log(message)


# --- How receipts are spelt


@pytest.mark.parametrize("script", ["data-sm-receipts", "ucs2-receipts"])
async def test_receipts_of_every_shape_are_read(scene: Opener, script: str):
    async with scene(script) as it:
        messages = [await it.send(NUMBER), await it.send("380970009000", LONG)]

        assert {await it.ends(one) for one in messages} == {State.DELIVERED}
        await it.balances()
        assert await it.orphans() == 0


async def test_an_id_in_another_base_is_matched_and_marked(scene: Opener):
    async with scene("wrong-id-base") as it:
        message = await it.send(NUMBER)

        assert await it.ends(message) is State.DELIVERED
        assert await it.flags(message) == {Flag.ID_FORM_SUSPECT}
        await it.balances()


@pytest.mark.parametrize(
    ("ids", "id_form"), [(IdForm.HEX, "resp_hex_receipt_dec"), (IdForm.DECIMAL, "resp_dec_receipt_hex")]
)
async def test_an_id_in_another_base_is_as_good_as_any_where_the_connector_says_so(
    scene: Opener, ids: IdForm, id_form: str
):
    async with scene("wrong-id-base", ids=ids, id_form=id_form) as it:
        messages = [*await it.send_all(numbers(5)), await it.send("380970009000", LONG)]

        assert [await it.ends(one) for one in messages] == [State.DELIVERED] * 6
        assert [await it.flags(one) for one in messages] == [set()] * 6
        await it.balances()
        answered = [one for one in await it.log(messages[0]) if one.kind is Kind.ANSWERED]
        heard = [one for one in await it.log(messages[0]) if one.kind is Kind.RECEIPT]
        assert answered[0].upstream_id != heard[0].upstream_id, "they are spelt differently"
        assert await it.world.sql.fetchval("select count(*) from suspect_count") == 0


async def test_one_id_for_two_numbers_is_told_apart_by_the_number(scene: Opener):
    async with scene("same-id-twice") as it:
        first, second = await it.send_all(["380970000001", "380970009906"])  # the second cannot be delivered

        assert [await it.ends(one) for one in (first, second)] == [State.DELIVERED, State.UNDELIVERABLE]
        [one, other] = it.smsc.truth.messages.values()
        assert one.took.shown_id == other.took.shown_id
        await it.balances()
        assert await it.orphans() == 0


@pytest.mark.parametrize("script", ["empty-message-id", "unknown-id"])
async def test_receipts_that_name_nobody_are_kept_and_prove_nothing(scene: Opener, script: str):
    async with scene(script) as it:
        message = await it.send(NUMBER)
        await it.becomes(message, State.SENT)
        await it.balances()

        assert await it.orphans() == 1
        await it.passes(97 * HOUR_S)

        assert (await it.standing(message)).state is State.NO_RECEIPT
        assert len(it.smsc.truth.to(NUMBER)) == 1


# --- Sessions


async def test_a_refused_bind_is_asked_for_again(scene: Opener):
    async with scene("bind-refused") as it:
        message = await it.send(NUMBER)

        assert await it.ends(message) is State.DELIVERED
        assert it.smsc.truth.summary().binds_refused == 2
        await it.balances()


async def test_the_courier_says_how_its_sessions_stand(scene: Opener):
    async with scene("bind-refused", binds=2) as it:

        async def said() -> bool:
            rows = await it.world.sql.fetch("select binds, bound, trouble from courier_lease")
            return [tuple(row) for row in rows] == [(2, 2, None)]

        await it.until(said, "both sessions are up, and somebody else can see it")


async def test_an_unbind_in_the_middle_loses_nothing(scene: Opener):
    async with scene("unbind-mid-window") as it:
        messages = await it.send_all(numbers(8))
        await _survives(it, messages)


async def test_a_connection_that_only_seems_to_stand_is_given_up(scene: Opener):
    async with scene("half-open", enquire_idle_s=0.2, enquire_within_s=0.2) as it:
        messages = await it.send_all(numbers(8))
        await _survives(it, messages)


async def _survives(it: Scene, messages: list[int]) -> None:
    """All are delivered in the end; what was never heard is sent again after the doubt, and only that twice."""

    async def over() -> bool:
        states = [(await it.standing(one)).state for one in messages]
        if State.IN_DOUBT in states and not it.smsc.truth.unsettled() and not await it.orphans():
            await it.passes(61)
        return set(states) == {State.DELIVERED}

    await it.until(over, "all are delivered")
    assert it.smsc.truth.summary().unanswered == 1
    twice = {key.destination.digits for key, times in it.smsc.truth.copies().items() if times > 1}
    assert twice == set(), "what was taken has a receipt that names it"
    await it.balances()


async def test_pdus_in_pieces_and_several_at_once_are_the_same_pdus(scene: Opener):
    async with scene("split-and-merged") as it:
        messages = await it.send_all(numbers(20))

        assert {await it.ends(one) for one in messages} == {State.DELIVERED}
        assert it.smsc.truth.summary().repeated == 0
        await it.balances()


# --- The scripts themselves


def test_every_shipped_script_is_sound_and_has_a_story():
    told = {
        node.value
        for node in ast.walk(ast.parse(Path(__file__).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for name in shipped():
        assert read_script(name).about
        assert name in told or name == "everything", f"{name} has no test"
