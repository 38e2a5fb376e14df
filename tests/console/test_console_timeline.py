"""A message's page tells what happened, who said it, and which status it led to."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from console_visitor import NUMBER, TEXT, look, send
from msgspec.structs import replace
from world import saying

from tidings.console import cards, moments, words
from tidings.console.timeline import FIRST, LAST, MAX_RAW, timeline
from tidings.domain.bucket import Bucket
from tidings.domain.delivery import Flag
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import FINAL, Confirmation, Stage, State

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def page_of(world, sent):
    return await look(world, f"/console/messages/{sent.rows[0].id}")


async def receive(world, sent, word, err=None, done_at=None, **changes):
    [(upstream_id, part)] = world.carrier.known[sent.rows[0].id][-1:]
    receipt = saying(world.receipt(upstream_id, part, word, err), done_at=done_at)
    await world.receive([replace(receipt, **changes)])


async def test_a_delivered_message_tells_each_step(world):
    sent = await send(world)
    world.clock.advance(0.35)
    await world.dispatch()
    world.clock.advance(4)
    await receive(world, sent, "DELIVRD", "000", done_at=AT + timedelta(seconds=3), raw=b"\x00\xa1pdu")
    page = await page_of(world, sent)

    assert page.steps == [
        "2026-03-02 12:00:00.000 +0 s Accepted from the application Status Queued"
        " Chosen route 1 to connector 1: all numbers, of every account, position 0",
        "2026-03-02 12:00:00.350 +0.35 s Handed to the connector Status Sending",
        "2026-03-02 12:00:00.350 +0.35 s The carrier took it Status Sent Upstream id up1"
        " Raw, 4 octets 72 65 73 70",
        "2026-03-02 12:00:04.350 +4.35 s A receipt came from the carrier: delivered Status Delivered"
        " Carrier’s word DELIVRD err:000 Upstream id up1 Charged 0.02 EUR Report owed 1"
        " Provider’s time 2026-03-02 12:00:03.000 Raw, 5 octets 00 a1 70 64 75",
    ]
    for shown in (
        f"To +{NUMBER} from Shop Delivered It arrived. How sure: The handset confirmed it.",
        "Country UA",
        "Parts 1 Price 0.02 EUR, charged Came in by native (rest)",
        "Accepted 2026-03-02 12:00:00.000 First handed over 2026-03-02 12:00:00.350",
        "Delivered 2026-03-02 12:00:03.000",
        "Final word received 2026-03-02 12:00:04.350 Valid until 2026-03-05 12:00:00.000",
    ):
        assert shown in page.words


async def test_a_failure_tells_its_reason_and_who_says_so(world):
    sent = await send(world)
    await world.dispatch()
    await receive(world, sent, "UNDELIV", "001")
    page = await page_of(world, sent)

    assert "Reason: the number belongs to nobody (unknown_subscriber, at network)" in page.words
    assert "How sure: A carrier's receipt says so." in page.words
    assert "Carrier’s word UNDELIV err:001 Reason the number belongs to nobody" in page.steps[-1]


async def test_a_refusal_shows_the_carriers_code_and_that_nothing_is_charged(world):
    world.carrier.mood = "refuse"
    sent = await send(world)
    await world.dispatch()
    page = await page_of(world, sent)

    assert (
        "The carrier refused it Status Rejected Carrier’s word 0x0000000b ESME_RINVDSTADR" in page.steps[-1]
    )
    assert "Price 0 EUR, not charged" in page.words
    assert "Released 0.02 EUR" in page.steps[-1]


async def test_a_lost_answer_is_shown_as_doubt_and_the_second_copy_as_a_possible_duplicate(world):
    world.carrier.mood = "silent"
    sent = await send(world)
    await world.dispatch()
    page = await page_of(world, sent)
    assert "Written to the carrier, and no answer came Status In doubt Cause timeout" in page.steps[-1]
    assert "held until it is final" in page.words

    world.clock.advance(61)
    await world.sweep()
    world.carrier.mood = "take"
    await world.dispatch()
    assert "It may have arrived twice" in (await page_of(world, sent)).words


async def test_a_contradiction_is_shown_and_not_obeyed(world):
    sent = await send(world)
    await world.dispatch()
    await receive(world, sent, "DELIVRD")
    await receive(world, sent, "EXPIRED")
    page = await page_of(world, sent)

    assert "Contradicts what was known: kept, not obeyed. Status stays Delivered" in page.steps[-1]
    assert "Carrier’s word EXPIRED" in page.steps[-1]


async def test_the_parts_of_a_long_message_are_told_apart(world):
    sent = await send(world, text="x" * 400)
    await world.dispatch()
    await world.says(sent.rows[0].id, "DELIVRD", part=2)
    page = await page_of(world, sent)

    assert "Accepted from the application all 3 parts" in page.steps[0]
    assert "A receipt came from the carrier: delivered part 2 of 3 Status stays Sent" in page.steps[-1]


async def test_silence_is_told_as_concluded_here(world):
    sent = await send(world)
    await world.dispatch()
    world.clock.advance(259_200 + 86_400 + 1)
    await world.sweep()
    page = await page_of(world, sent)

    assert "No receipt came before the deadline Status No receipt" in page.steps[-1]
    assert "Concluded here from silence or a deadline; no carrier said so." in page.words


async def test_the_text_in_a_receipt_is_not_shown_and_what_stands_before_it_is(world):
    sent = await send(world)
    await world.dispatch()
    await receive(world, sent, "ENROUTE", raw=b"id:up1 Text:" + TEXT.encode())
    wide = "id:up1 text:".encode("utf-16-be")
    await receive(world, sent, "DELIVRD", raw=wide + TEXT.encode("utf-16-be"))
    page = await page_of(world, sent)

    assert b"id:up1 Text:".hex(" ") in page.steps[-2]
    assert f"The last {len(TEXT)} octets may repeat the message’s text" in page.steps[-2]
    assert wide.hex(" ") in page.steps[-1]
    for encoding in ("ascii", "utf-16-be"):
        assert TEXT[:4].encode(encoding).hex(" ") not in page.answer.text
    assert TEXT[:4] not in page.answer.text


async def test_what_a_carrier_says_is_never_markup(world):
    sent = await send(world)
    await world.dispatch()
    await receive(world, sent, "<i>WORD", "<b>", upstream_id="up1")
    page = await page_of(world, sent)

    assert "<i>" not in page.answer.text
    assert "Carrier’s word <i>WORD err:<b>" in page.words


async def test_a_test_message_says_that_it_is_one(world):
    sent = await send(world, key=world.test_key)
    page = await page_of(world, sent)

    assert "Queued Test It waits here" in page.words
    assert "test: not billed" in page.words


async def test_pages_need_no_script_no_inline_style_and_only_what_we_serve(world):
    sent = await send(world, NUMBER, "380972000002")
    await world.deliver_all()
    for path in (f"/console/messages/{sent.rows[0].id}", f"/console?q={sent.task_id}", "/console"):
        page = await look(world, path)
        markup = page.answer.text
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", markup)
        assert all(link.startswith(("/console", "#")) for link in page.links)
        assert markup.count("<h1") == 1
        assert '<html lang="en">' in markup
        assert '<label for="q">' in markup

    [link] = [link for link in page.links if ".css" in link]
    style = await world.http.get(link)
    assert style.status_code == 200
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]
    assert "@import" not in style.text
    assert "url(" not in style.text


# --- Without a gateway


def log_of(requeues: int) -> list[Evidence]:
    opened = Evidence(Kind.ACCEPTED, AT, State.QUEUED, parts=1, connector=1, route=1)
    again = [
        step
        for n in range(requeues)
        for step in (
            Evidence(Kind.WRITTEN, AT + timedelta(seconds=n), State.SENDING),
            Evidence(Kind.REQUEUED, AT + timedelta(seconds=n), State.QUEUED, word="0x58"),
        )
    ]
    return [opened, *again]


def retold(log):
    return timeline(log, account_id=1, message_id=2)


def test_a_long_history_shows_its_beginning_and_its_end_and_says_what_is_left_out():
    shown = retold(log_of(1_000))

    assert (len(shown.first), shown.left_out, len(shown.last)) == (FIRST, 2_001 - FIRST - LAST, LAST)
    assert shown.first[0].what == "Accepted from the application"
    assert shown.last[-1].at == AT + timedelta(seconds=999)


@pytest.mark.parametrize("requeues", [0, 1, FIRST // 2, (FIRST + LAST) // 2 - 1])
def test_a_shorter_history_is_shown_whole(requeues):
    log = log_of(requeues)
    shown = retold(log)

    assert shown.left_out == 0
    assert [step.at for step in (*shown.first, *shown.last)] == [one.at for one in log]


def test_no_history_is_an_empty_timeline():
    assert retold([]).first == []


def test_one_pdu_is_not_shown_endlessly():
    log = log_of(0)
    log[0].raw = b"x" * (MAX_RAW + 3)
    [step] = retold(log).first

    assert step.raw is not None
    assert (step.raw.octets, len(step.raw.hex.split()), step.raw.cut) == (MAX_RAW + 3, MAX_RAW, 3)


def test_every_word_of_ours_is_told_in_english():
    assert set(words.STATES) == set(State)
    assert set(words.REASONS) == set(Reason)
    assert set(words.FLAGS) == set(Flag)
    assert set(words.EVENTS) == set(Kind)
    assert set(cards.BUCKET_NAMES) == set(Bucket)


@pytest.mark.parametrize("state", State)
def test_every_state_says_how_sure_it_is(state):
    for stage in Stage:
        standing = Standing(state, stage=stage if state in FINAL else None)
        assert words.certainty(standing).endswith(".")
        assert words.tone(state) in {"good", "bad", "unsure", "open"}


def test_only_what_vouches_for_the_handset_says_handset_confirmed():
    said = {one: words.certainty(Standing(State.DELIVERED, confirmation=one)) for one in Confirmation}

    assert [one for one in said if said[one] == "The handset confirmed it."] == [Confirmation.HANDSET]
    assert len(set(said.values())) == len(said)


def test_a_route_that_was_chosen_is_told_with_what_it_was_drawn_for():
    log = log_of(0)
    log[0].terms = "all numbers, of every account, position 0"
    [step] = retold(log).first

    told = {row.label: row.value for row in step.told}
    assert told["Chosen"] == "route 1 to connector 1: all numbers, of every account, position 0"
    test = Evidence(Kind.ACCEPTED, AT, State.QUEUED, parts=1, connector=3, terms="it is a test")
    assert words.route(test) == "connector 3: it is a test"
    assert words.route(Evidence(Kind.ACCEPTED, AT, State.REJECTED, parts=1)) is None


def test_a_carriers_word_is_not_taken_for_ours():
    theirs = Evidence(Kind.RECEIPT, AT, State.DELIVERED, word="validity")

    assert words.happened(theirs) == "A receipt came from the carrier: delivered"
    assert words.carriers_word(theirs) == "validity"
    ours = Evidence(Kind.REQUEUED, AT, State.QUEUED, word="unwritten")
    assert words.carriers_word(ours) is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (0.35, "0.35 s"),
        (0.0004, "0 s"),
        (9.9996, "10 s"),
        (10, "10 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (65, "1 min 5 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (90_000, "1 d 1 h"),
        (864_000, "10 d"),
    ],
)
def test_a_span_is_told_by_its_two_largest_units(seconds, shown):
    assert moments.lasting(timedelta(seconds=seconds)) == shown
