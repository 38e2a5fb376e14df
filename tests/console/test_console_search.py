"""Whatever a customer can quote finds the message."""

import pytest
from console_visitor import NUMBER, look, search, send

from tidings.console.routes import MAX_ASKED, MAX_HITS


@pytest.fixture
async def sent(world):
    """One message with every id of the customer's own."""
    return await send(
        world, reference="order-4711", message_key="m-1", bulk_key="bulk 7/ä&b", name="Spring sale"
    )


async def test_every_id_and_the_number_find_the_message_and_its_timeline(world, sent):
    [row] = sent.rows
    await world.deliver_all()
    await send(world, "380972000002")
    written = ("+380 97 200-00-01", "00380972000001", f"+{NUMBER}", f" {NUMBER} ")
    for asked in (str(row.id), str(sent.task_id), "order-4711", "m-1", "bulk 7/ä&b", NUMBER, *written):
        page = await search(world, asked)
        assert page.status == 200, asked
        assert len(page.steps) == 4, asked
        for shown in (f"Message id {row.id}", "Reference order-4711", "messageId m-1", "bulkId bulk 7/ä&b"):
            assert shown in page.words, asked


async def test_generated_ids_find_their_message_too(world):
    [row] = (await send(world)).rows
    message = await world.message(row.id)
    for asked in (message.reference, message.message_key, message.bulk_key):
        assert f"Message id {row.id}" in (await search(world, asked)).words


async def test_the_links_of_a_card_lead_to_what_they_say(world, sent):
    page = await search(world, "order-4711")
    asked = [link for link in page.links if link.startswith("/console?q=")]
    assert len(asked) == 3, "task, bulkId and recipient"
    for link in asked:
        assert "Message id" in (await look(world, link)).words


async def test_a_task_is_shown_with_its_counters_and_messages(world):
    sent = await send(world, *(f"38097200000{n}" for n in range(1, 6)), name="Spring sale", bulk_key="b-1")
    await world.dispatch()
    await world.says(sent.rows[0].id, "DELIVRD")
    await world.says(sent.rows[1].id, "DELIVRD")
    await world.says(sent.rows[2].id, "UNDELIV", "001")
    for asked in (str(sent.task_id), "b-1"):
        page = await search(world, asked)
        assert f"Task {sent.task_id} Spring sale" in page.words
        assert "Delivered 2 Sent 2 Waiting 0 Unknown 0 Expired 0 Undeliverable 1 Rejected 0" in page.words
        assert "Messages 5 Handed over 5 Price 0.1 EUR" in page.words
        assert [link for link in page.links if link.startswith("/console/messages/")] == [
            f"/console/messages/{row.id}" for row in sent.rows
        ]


async def test_one_message_alone_does_not_repeat_its_task_unless_asked(world, sent):
    assert f"Task {sent.task_id} Spring sale" in (await search(world, str(sent.task_id))).words
    assert "Spring sale" not in (await search(world, "order-4711")).words


async def test_a_number_lists_its_messages_newest_first_and_not_endlessly(world):
    rows = [(await send(world)).rows[0] for _ in range(3)]
    page = await search(world, NUMBER)
    assert "3 messages +380972000001 Queued" in page.words
    listed = [link for link in page.links if link.startswith("/console/messages/")]
    assert listed == [f"/console/messages/{row.id}" for row in reversed(rows)]

    sent = await send(world, *(f"3809730000{n:02}" for n in range(MAX_HITS + 1)))
    page = await search(world, str(sent.task_id))
    assert len([link for link in page.links if link.startswith("/console/messages/")]) == MAX_HITS
    assert f"{MAX_HITS} messages, and there are more" in page.words


async def test_exactly_as_many_as_are_shown_are_not_more(world):
    sent = await send(world, *(f"3809730000{n:02}" for n in range(MAX_HITS)))
    assert "and there are more" not in (await search(world, str(sent.task_id))).words


async def test_nothing_asked_is_just_the_search(world, sent):
    for page in (await look(world, "/console"), await search(world, "  ")):
        assert page.status == 200
        assert "Find a message" in page.words
        assert "Nothing found" not in page.words
        assert "order-4711" not in page.words


NO_IDS = [
    "none",
    "0",
    "-1",
    "9" * 20,
    "9" * MAX_ASKED,
    "²",
    "٣",
    "%",
    "' or 1=1 --",
    "a\x00b",
    "a\nb",
    "😀",
    "+",
]


async def test_what_is_no_id_is_not_found_and_said_so(world, sent):
    for asked in NO_IDS:
        page = await search(world, asked)
        assert page.status == 404, asked
        assert "Nothing found" in page.words, asked


async def test_a_search_too_long_is_refused_with_the_limit(world):
    page = await search(world, "x" * (MAX_ASKED + 1))
    assert page.status == 400
    assert f"at most {MAX_ASKED} characters" in page.words
    assert "x" * (MAX_ASKED + 1) not in page.answer.text


async def test_a_message_page_of_no_message_is_not_found(world):
    for asked in ["0", "nonsense", "9" * 16, "9" * 400, "1.5", "-1", "%00", "٣"]:
        page = await look(world, f"/console/messages/{asked}")
        assert page.status == 404, asked
        assert "Nothing in this account" in page.words, asked


async def test_the_text_is_never_shown(world, sent):
    await world.dispatch()
    for asked in (str(sent.rows[0].id), str(sent.task_id), NUMBER):
        assert "Zebra7" not in (await search(world, asked)).answer.text


async def test_what_customers_wrote_is_shown_as_they_wrote_it_and_never_as_markup(world):
    nasty = "<script>\"&'"
    sent = await send(world, sender="<b>&'\"", message_key=nasty, bulk_key=nasty, name=nasty)
    for asked in (nasty, str(sent.task_id)):
        page = await search(world, asked)
        assert page.status == 200
        assert "<script" not in page.answer.text
        assert "<b>" not in page.answer.text
        assert f"messageId {nasty}" in page.words
        assert "from <b>&'\"" in page.words

    page = await search(world, '"><script>alert(1)</script>')
    assert page.status == 404
    assert "<script" not in page.answer.text
