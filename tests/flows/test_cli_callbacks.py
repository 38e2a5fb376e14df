"""`tidings callbacks` and what other commands say of them: nothing that a customer was not told is out of sight."""

import asyncio

from test_callbacks import new_sender, notes, send, tell
from test_cli import Shell

from tidings.flows.callbacks import ADDRESS_REFUSED


async def given_up(world, reference="a"):
    """A message whose callback was given up."""
    sender = new_sender(world)
    [message_id] = await send(world, reference)
    await world.deliver_all()
    await tell(sender, await sender.turn([], limit=10), 0, ADDRESS_REFUSED)
    return message_id


async def test_a_callback_that_was_given_up_is_shown_with_its_reason_and_tried_again_when_asked(world):
    message_id = await given_up(world)
    shell = Shell(world.url)
    [shown] = await shell.aside("callbacks", "list")
    assert (shown["account"], shown["message_id"], shown["tries"], shown["why"]) == (
        "acme",
        message_id,
        1,
        "address_refused",
    )
    assert await shell.aside("callbacks", "list", "--pending") == []
    assert (await shell.aside("callbacks", "retry", str(message_id))) == {"queued": 1}
    assert await shell.aside("callbacks", "list") == []
    [waiting] = await shell.aside("callbacks", "list", "--pending", "--account", "acme")
    assert (waiting["message_id"], waiting["tries"]) == (message_id, 0)
    assert await asyncio.to_thread(shell.run, "callbacks", "retry", str(message_id)) == 2


async def test_trying_again_stays_within_the_account_that_is_named(world):
    await world.other_account()
    message_id = await given_up(world)
    shell = Shell(world.url)
    assert await shell.aside("callbacks", "retry", "--account", "other") == {"queued": 0}
    assert await asyncio.to_thread(shell.run, "callbacks", "retry") == 2
    assert await asyncio.to_thread(shell.run, "callbacks", "retry", "--account", "nobody") == 2
    assert await shell.aside("callbacks", "retry", "--all") == {"queued": 1}
    assert (await notes(world, message_id))[0][1] == "pending"


async def test_the_timeline_of_a_message_tells_its_callbacks(world):
    message_id = await given_up(world)
    shell = Shell(world.url)
    [story] = await shell.aside("timeline", str(message_id))
    [note] = story["callbacks"]
    assert (note["standing"], note["why"], note["tries"]) == ("given_up", "address_refused", 1)
    assert await asyncio.to_thread(shell.run, "timeline", str(message_id)) == 0
    assert "callback of report 1: given up after 1 try, address_refused" in shell.said


async def test_a_customer_sees_how_their_own_server_was_told(world):
    message_id = await given_up(world)
    path = f"/v1/messages/{message_id}/timeline"
    answer = await world.http.get(path, headers={"x-api-key": world.key})
    [told] = answer.json()["callbacks"]
    assert {name: told[name] for name in ("report", "standing", "tries", "why")} == {
        "report": 1,
        "standing": "given_up",
        "tries": 1,
        "why": "address_refused",
    }
    page = await world.http.get(f"/console/messages/{message_id}", auth=(world.user, world.password))
    assert "callback of report 1: given up after 1 try, address_refused" in page.text
    other = await world.other_account()
    assert (await world.http.get(path, headers={"x-api-key": other.key})).status_code == 404


async def test_the_doctor_counts_callbacks(world):
    await given_up(world)
    shell = Shell(world.url)
    found = await asyncio.to_thread(shell.run, "--json", "doctor")
    assert found in (0, 1)
    told = (await shell.aside("doctor"))["counts"]
    assert (told["callbacks_waiting"], told["callbacks_late"], told["callbacks_given_up"]) == (0, 0, 1)


async def test_an_accounts_url_is_set_shown_and_taken_away(world):
    shell = Shell(world.url)
    await shell.aside("account", "callback", "acme", "https://acme.example/dlr", "--each")
    [account] = await shell.aside("account", "list")
    assert (account["callback_url"], account["callback_each"]) == ("https://acme.example/dlr", True)
    assert await asyncio.to_thread(shell.run, "account", "callback", "acme", "ftp://acme.example/") == 2
    await shell.aside("account", "callback", "acme", "none")
    [account] = await shell.aside("account", "list")
    assert (account["callback_url"], account["callback_each"]) == (None, False)
