"""The command line, from a shell's point of view: words in, words and an exit code out."""

import asyncio
import contextlib
import io
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from tidings.app import cli
from tidings.app.cli.account_switches import SWITCHES
from tidings.app.cli.connector import connector
from tidings.app.cli.message import FAULTS
from tidings.app.cli.smpp_options import HELP
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.sandbox.smsc import SimulatedSmsc
from tidings.connectors.smpp.config import SmppConfig
from tidings.dialects.bsg_one.settings import ACCOUNT_SWITCHES
from tidings.dialects.infobip import words as infobip
from tidings.dialects.infobip.settings import Preferences, preferences
from tidings.domain.errors import Fault
from tidings.domain.order import Draft, OnFault, Order
from tidings.flows.ports import Binds


class Shell:
    """Runs `tidings` on one database."""

    def __init__(self, url):
        self.environ = {"TIDINGS_DATABASE__URL": url}
        self.said = self.complained = ""

    def run(self, *words):
        """The exit code; what was printed stands in `said` and `complained`."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environ),
            mock.patch.object(sys, "argv", ["tidings", *words]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
        self.said, self.complained = out.getvalue(), err.getvalue()
        return ended.value.code

    def asks(self, *words):
        """The answer for programs of a command that works."""
        assert self.run(*words, "--json") == 0, self.complained
        return json.loads(self.said)

    async def aside(self, *words):
        """The same from a test with a loop of its own."""
        return await asyncio.to_thread(self.asks, *words)


@pytest.fixture
def shell(empty_database):
    return Shell(empty_database)


@pytest.fixture
def in_world(world):
    return Shell(world.url)


def attach(shell, name="mts", *more):
    shell.environ["MTS_PASSWORD"] = "secret12"
    words = ("--host", "127.0.0.1", "--port", "2775", "--system-id", "acme", "--password-env", "MTS_PASSWORD")
    return shell.run("connector", "add", name, *words, "--receipt-class", "handset", *more)


# -- setting up -----------------------------------------------------------------------------------------------


def test_an_operator_sets_up_an_account_and_a_carrier_and_sends(shell):
    made = shell.asks("account", "create", "acme", "--currency", "eur", "--topup", "10", "--with-keys")
    assert made["live_key"].startswith("live_") and made["test_key"].startswith("test_")
    assert shell.run("price", "set", "acme", "default", "0.05") == 0
    assert shell.run("price", "set", "acme", "+380", "0.0235000") == 0
    assert attach(shell) == 0
    assert shell.run("route", "add", "--connector", "mts") == 0

    sent = shell.asks("send", "--account", "acme", "--to", "+380 50 123 45 67", "--from", "ACME", "x" * 200)
    assert (sent["recipient"], sent["parts"], sent["price"]) == ("380501234567", 2, "0.047")
    [account] = shell.asks("account", "list")
    assert (account["balance"], account["currency"]) == ("9.953", "EUR")
    [found] = shell.asks("status", str(sent["id"]))["messages"]
    assert (found["standing"]["state"], found["account"], found["reference"]) == (
        "queued",
        "acme",
        sent["reference"],
    )
    assert "text" not in found
    [story] = shell.asks("timeline", sent["reference"])
    assert [(one["kind"], one["source"], one["state"]) for one in story["timeline"]] == [
        ("accepted", "application", "queued")
    ]


def test_everything_is_also_said_for_people(shell):
    shell.run("account", "create", "acme", "--currency", "EUR")
    assert "tidings account topup acme 100" in shell.said
    shell.run("account", "topup", "acme", "10", "--note", "thanks")
    assert shell.said == "acme has 10 now\n"
    shell.run("price", "set", "acme", "default", "0.05")
    shell.run("price", "list", "acme")
    assert shell.said.splitlines() == ["tariff  is  prefix   per part", "0       on  default  0.05"]
    attach(shell, "mts", "--simulator", "--tls", "--rate", "50")
    assert "tidings connector test mts" in shell.said
    shell.run("connector", "list")
    assert "127.0.0.1:2775 TLS" in shell.said and "secret12" not in shell.said
    shell.run("route", "list")
    assert shell.said == "(none)\n"
    shell.run("route", "add", "--connector", "mts", "--prefix", "380", "--account", "acme")
    shell.run("route", "list")
    assert shell.said.splitlines()[1].split() == ["1", "380", "acme", "0", "mts"]
    shell.run("send", "--account", "acme", "--to", "380501234567", "--from", "ACME", "secret words")
    message_id = shell.said.split()[1]
    shell.run("status", message_id)
    assert f"message {message_id} of acme: queued" in shell.said and "380501234567" in shell.said
    assert "secret words" not in shell.said
    shell.run("timeline", message_id)
    assert "Accepted from the application" in shell.said
    assert "route 1 to connector mts: numbers in 380, of this account, position 0" in shell.said


def test_keys_are_shown_once_and_refused_when_revoked(shell):
    shell.run("account", "create", "acme", "--currency", "EUR")
    made = shell.asks("key", "create", "acme", "--test")
    basic = shell.asks("key", "create", "acme", "--basic", "acme-app")
    assert basic["username"] == "acme-app"
    listed = shell.asks("key", "list", "acme")
    assert [(one["id"], one["test"]) for one in listed] == [(made["id"], True), (basic["id"], False)]
    assert made["key"] not in shell.said and basic["password"] not in shell.said
    shell.asks("key", "revoke", "acme", str(made["id"]))
    assert shell.run("key", "revoke", "acme", str(made["id"])) == 2
    assert "has no valid key" in shell.complained
    shell.run("key", "list", "acme")
    assert "revoked" in shell.said


def test_an_account_has_switches_of_its_own_and_gives_them_back(shell):
    shell.run("account", "create", "acme", "--currency", "EUR")
    set_ = shell.asks(
        "account", "set", "acme", "infobip.ok_word=OK", "infobip.utc_offset=+0200", "bsg_one.amont=off"
    )
    kept = {"infobip.ok_word": "OK", "infobip.utc_offset": "+0200", "bsg_one.amont": False}
    assert set_["settings"] == kept == shell.asks("account", "list")[0]["settings"]
    assert shell.asks("account", "set", "acme", "infobip.ok_word=", "bsg_one.amont=true")["settings"] == {
        "infobip.utc_offset": "+0200",
        "bsg_one.amont": True,
    }
    assert shell.run("account", "set", "acme") == 0
    assert "+0200" in shell.said and shell.said.count("as usual") == len(SWITCHES) - 2


def test_every_switch_of_an_account_has_a_name_on_the_command_line_and_a_place_in_the_help(shell):
    ours = {f"bsg_one.{name}" for name in ACCOUNT_SWITCHES}
    theirs = {f"infobip.{field.replace('zone', 'utc_offset')}" for field in Preferences.__struct_fields__}
    assert set(SWITCHES) == ours | theirs
    shell.run("account", "set", "--help")
    assert all(f"  {name}: " in shell.said for name in SWITCHES)


async def test_a_switch_reaches_the_customer(world, in_world):
    message_id = (await send(world, "380972000001")).rows[0].id
    await world.deliver_all()
    told = []
    for words in ([], ["infobip.ok_word=OK"]):
        await in_world.aside("account", "set", "acme", *words)
        caller = await world.gateway.caller_by_key(world.key)
        standing = (await world.message(message_id)).standing
        told.append(infobip.error(standing, preferences(caller.account)).group_name)
    assert told == ["Ok", "OK"]


def test_a_closed_account_sends_nothing(shell):
    shell.run("account", "create", "acme", "--currency", "EUR", "--topup", "1")
    assert shell.run("account", "close", "acme", "--yes") == 0
    assert shell.run("send", "--account", "acme", "--to", "380501234567", "--from", "A", "x") == 2
    assert "closed" in shell.complained


def test_a_sender_is_told_what_it_is_for(shell):
    shell.run("account", "create", "acme", "--currency", "EUR")
    assert shell.run("account", "sender-class", "acme", "CODE", "otp") == 0
    assert shell.asks("account", "list")[0]["sender_classes"] == {"CODE": "otp"}
    assert shell.run("account", "sender-class", "acme", "CODE", "default") == 0
    assert shell.asks("account", "list")[0]["sender_classes"] == {}


def test_a_tariff_is_switched_off_and_on(shell):
    shell.run("account", "create", "acme", "--currency", "EUR", "--topup", "1")
    shell.run("price", "set", "acme", "default", "0.05")
    shell.run("price", "tariff", "acme", "0", "--off")
    assert shell.run("send", "--account", "acme", "--to", "380501234567", "--from", "A", "x") == 2
    assert "switched off: tidings price tariff acme CODE --on" in shell.complained
    shell.run("price", "set", "acme", "380", "0.02")
    assert [one["active"] for one in shell.asks("price", "list", "acme")] == [False, False]
    shell.run("price", "tariff", "acme", "0", "--on")
    assert [one["active"] for one in shell.asks("price", "list", "acme")] == [True, True]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["account", "create", "a b", "--currency", "EUR"], "not a possible value"),
        (["account", "create", "acme", "--currency", "EUR"], "taken already"),
        (["account", "create", "b", "--currency", "EUR", "--topup", "1.123456789"], "at most seven decimals"),
        (["account", "topup", "nobody", "5"], "there is no account 'nobody'"),
        (["account", "set", "nobody", "bsg_one.amont=off"], "there is no account 'nobody'"),
        (["account", "set", "acme", "infobip.okword=OK"], "KEY is infobip.ok_word"),
        (["account", "set", "acme", "bsg_one.amont"], "none of KEY=VALUE"),
        (["account", "set", "acme", "bsg_one.amont=perhaps"], "bsg_one.amont must be true or false"),
        (["account", "set", "acme", "infobip.ok_word=fine"], "must be Ok or OK"),
        (["account", "set", "acme", "infobip.utc_offset=CET"], 'must look like "+0100"'),
        (["account", "topup", "acme", "0"], "too small"),
        (["price", "set", "acme", "38o", "1"], "is not a prefix"),
        (["price", "set", "acme", "380", "one"], "is not an amount"),
        (["route", "add", "--connector", "nobody"], "there is no connector 'nobody'"),
        (["connector", "test", "nobody"], "there is no connector 'nobody'"),
        (["status", "no-such"], "nothing is known of 'no-such'"),
        (["timeline", "99"], "nothing is known of '99'"),
        (
            ["send", "--account", "acme", "--to", "380501234567", "--from", "A", "x"],
            "has no price for that number",
        ),
        (["send", "--account", "acme", "--to", "12", "--from", "A", "x"], "that is no phone number"),
    ],
)
def test_a_mistake_is_one_line_that_helps(shell, words, complaint):
    shell.run("account", "create", "acme", "--currency", "EUR")
    assert shell.run(*words) == 2
    assert complaint in shell.complained
    assert len(shell.complained.splitlines()) == 1


def test_every_fault_has_an_operators_words():
    assert FAULTS.keys() == set(Fault)


# -- connectors -----------------------------------------------------------------------------------------------


def test_every_setting_of_a_connector_is_an_option():
    apart = {"password", "err_table", "status_table"}
    assert HELP.keys() | apart == set(SmppConfig.__struct_fields__)
    for name in ("add", "change"):
        options = {parameter.name for parameter in connector.commands[name].params}
        assert options >= HELP.keys() | (apart - {"password"}) | {"password_file", "password_env"}


def test_what_is_given_is_stored_and_what_is_not_is_left_to_the_default(shell, tmp_path):
    (tmp_path / "secret").write_text("hush\n")
    words = ("--host", "smsc.example", "--port", "3550", "--system-id", "me", "--receipt-class", "carrier")
    tables = (
        "--err",
        "034=system_failure",
        "--status",
        "0x410=throttle",
        "--status",
        "1025=give_up:route_config",
    )
    more = (
        "--tls",
        "--window",
        "50",
        "--rate",
        "12.5",
        "--dest-npi",
        "9",
        "--id-form",
        "resp_hex_receipt_dec",
    )
    secret = ("--password-file", str(tmp_path / "secret"))
    assert shell.run("connector", "add", "mts", *words, *secret, *tables, *more) == 0, shell.complained
    [row] = shell.asks("connector", "list")
    assert row["settings"] == {
        "host": "smsc.example",
        "port": 3550,
        "system_id": "me",
        "receipt_class": "carrier",
        "password_file": str(tmp_path / "secret"),
        "err_table": {"034": "system_failure"},
        "status_table": {
            "0x410": {"next": "throttle"},
            "1025": {"next": "give_up", "reason": "route_config"},
        },
        "tls": True,
        "window": 50,
        "rate_per_s": 12.5,
        "dest_npi": 9,
        "id_form": "resp_hex_receipt_dec",
    }


def test_a_change_touches_only_what_it_names(shell):
    attach(shell, "mts", "--window", "50", "--simulator")
    before = shell.asks("connector", "list")[0]
    assert shell.run("connector", "change", "mts", "--rate", "5", "--password-file", "/no/such") == 0
    assert "could not be checked" in shell.said
    assert shell.run("connector", "disable", "mts") == 0
    after = shell.asks("connector", "list")[0]
    settings = {**before["settings"], "rate_per_s": 5.0, "password_file": "/no/such"}
    del settings["password_env"]
    assert after == {**before, "settings": settings, "enabled": False}
    assert shell.run("connector", "enable", "mts") == 0
    assert shell.asks("connector", "list")[0]["enabled"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "Missing option '--receipt-class'"),
        (["--receipt-class", "perhaps"], "is not one of 'handset', 'carrier', 'untrusted', 'none'"),
        (["--receipt-class", "none"], "--password-file) or variable (--password-env)"),
        (["--receipt-class", "none", "--password-env", "A", "--password-file", "b"], "one of them"),
        (["--receipt-class", "none", "--password-env", "LONG"], "password"),
        (["--receipt-class", "none", "--password-env", "A", "--port", "70000"], "--port"),
        (["--receipt-class", "none", "--password-env", "A", "--tls-ca-file", "x"], "`tls` is off"),
        (["--receipt-class", "none", "--password-env", "A", "--err", "1=nonsense"], "is not a reason"),
        (
            ["--receipt-class", "none", "--password-env", "A", "--status", "0x1=jump"],
            "give_up, retry, throttle, hold",
        ),
    ],
)
def test_a_connector_that_cannot_work_is_refused(shell, words, complaint):
    shell.environ["LONG"] = "longer than eight"
    base = ("--host", "smsc.example", "--port", "2775", "--system-id", "me")
    assert shell.run("connector", "add", "mts", *base, *words) == 2
    assert complaint in shell.complained
    assert "longer than eight" not in shell.complained
    assert shell.asks("connector", "list") == []


async def test_a_connector_is_tested_on_the_carrier_itself(empty_database):
    shell = Shell(empty_database)
    async with SimulatedSmsc(Settings(port=0, system_id="acme", password="secret12")) as smsc:
        for mode, kinds in (("transceiver", 1), ("transmitter_receiver", 2)):
            await asyncio.to_thread(attach, shell, mode, "--port", str(smsc.port), "--bind-mode", mode)
            answer = await shell.aside("connector", "test", mode)
            assert [one["tried"] for one in answer["steps"]].count("enquire_link") == kinds
            assert answer["worked"] and all(one["worked"] for one in answer["steps"])
        assert not smsc.truth.messages

        shell.environ["MTS_PASSWORD"] = "wrong"
        assert await asyncio.to_thread(shell.run, "connector", "test", "transceiver") == 1
        assert "NO" in shell.said and "ESME_R" in shell.said
        del shell.environ["MTS_PASSWORD"]
        assert await asyncio.to_thread(shell.run, "connector", "test", "transceiver") == 2
        assert "MTS_PASSWORD" in shell.complained
    shell.environ["MTS_PASSWORD"] = "secret12"
    assert await asyncio.to_thread(shell.run, "connector", "test", "transceiver") == 1
    assert "Connect call failed" in shell.said


# -- asking ---------------------------------------------------------------------------------------------------


async def send(world, *recipients, customer=None, reference=None, text="hello"):
    customer = customer or world.customer
    caller = await world.gateway.caller_by_key(customer.key)
    drafts = [Draft(recipient=one, sender="BSG", text=text, reference=reference) for one in recipients]
    order = Order(caller, "native", drafts, on_fault=OnFault.REFUSE_ALL, validity_s=3600, bulk_key="bulk-1")
    return await world.gateway.accept(order)


async def test_a_possible_duplicate_is_told_to_people_and_programs(world, in_world):
    message_id = (await send(world, "380972000001")).rows[0].id
    world.carrier.mood = "silent"
    await world.dispatch()
    world.clock.advance(61)
    await world.sweep()
    answer = await in_world.aside("status", str(message_id))
    assert answer["messages"][0]["flags"] == ["possible_duplicate"]
    await asyncio.to_thread(in_world.run, "status", str(message_id))
    assert "note" in in_world.said and "It may have arrived twice" in in_world.said


async def test_a_message_is_found_by_every_name_it_has_in_every_account(world, in_world):
    other = await world.other_account()
    mine = (await send(world, "380972000001", reference="order-17")).rows[0]
    theirs = (await send(world, "380972000002", reference="order-17", customer=other)).rows[0]
    for asked in (mine.id, mine.message_key):
        answer = await in_world.aside("status", str(asked))
        assert [(one["id"], one["account"]) for one in answer["messages"]] == [(mine.id, "acme")]
    answer = await in_world.aside("status", "order-17")
    assert {(one["id"], one["account"]) for one in answer["messages"]} == {
        (mine.id, "acme"),
        (theirs.id, "other"),
    }
    answer = await in_world.aside("status", "order-17", "--account", "other")
    assert [one["id"] for one in answer["messages"]] == [theirs.id]
    assert await asyncio.to_thread(in_world.run, "status", str(mine.id), "--account", "other") == 2


async def test_a_task_is_found_with_its_counters(world, in_world):
    answer = await send(world, "380972000001", "380972000002")
    await world.deliver_all()
    for asked in (str(answer.task_id), "bulk-1"):
        [task] = (await in_world.aside("status", asked))["tasks"]
        assert (task["id"], task["total"], task["delivered"], task["price"]) == (answer.task_id, 2, 2, "0.04")
    await asyncio.to_thread(in_world.run, "status", "bulk-1")
    assert f"{answer.task_id + 1} to {answer.task_id + 2}" in in_world.said


async def test_a_timeline_tells_who_said_what_and_what_it_did(world, in_world):
    message_id = (await send(world, "380972000001", text="secret words")).rows[0].id
    await world.dispatch()
    await world.says(message_id, "DELIVRD", "000")
    await world.says(message_id, "UNDELIV", "001")
    [story] = await in_world.aside("timeline", str(message_id), "--raw")
    told = [(one["kind"], one["source"], one["state"], one["changed"]) for one in story["timeline"]]
    assert told == [
        ("accepted", "application", "queued", True),
        ("written", "gateway", "sending", True),
        ("answered", "carrier", "sent", True),
        ("receipt", "carrier", "delivered", True),
        ("receipt", "carrier", "delivered", False),
    ]
    assert story["timeline"][4]["contradiction"]
    assert bytes.fromhex(story["timeline"][3]["raw"]) == b"id:up1 stat:DELIVRD err:000"
    await asyncio.to_thread(in_world.run, "timeline", str(message_id))
    assert "delivered (not obeyed: undeliverable)" in in_world.said and "up1" in in_world.said
    assert "charged 0.02, report 1" in in_world.said
    assert b"id:up1".hex(" ") not in in_world.said
    await asyncio.to_thread(in_world.run, "timeline", str(message_id), "--raw")
    assert b"id:up1".hex(" ") in in_world.said
    assert "secret words" not in in_world.said


# -- the doctor -----------------------------------------------------------------------------------------------


def test_the_doctor_calls_an_empty_house_healthy_and_says_what_it_lacks(shell):
    assert shell.run("doctor") == 0
    assert "tidings account create" in shell.said and "tidings connector add" in shell.said


async def test_the_doctor_names_the_server_as_it_names_itself(world, in_world):
    number = await world.sql.fetchval("select current_setting('server_version_num')::int")
    diagnosis = await in_world.aside("doctor")
    named = f"PostgreSQL {number // 10_000}.{number % 10_000} answers"
    assert diagnosis["findings"][0]["text"] == named


async def test_the_doctor_finds_what_is_broken_and_what_waits(world, in_world):
    message_id = (await send(world, "380972000001")).rows[0].id
    assert await asyncio.to_thread(in_world.run, "doctor") == 1, "it has waited since the clock of this test"
    assert "messages wait for connector carrier" in in_world.said
    await world.deliver_all()
    assert (await in_world.aside("doctor"))["healthy"]
    await world.sql.execute("update delivery set state = 'read' where message_id = $1", message_id)
    assert await asyncio.to_thread(in_world.run, "doctor", "--json") == 1
    answer = json.loads(in_world.said)
    assert not answer["healthy"]
    assert [one["number"] for one in answer["violations"]] == [3]


async def test_the_doctor_and_the_list_tell_which_connectors_are_bound(world, in_world):
    now = datetime.now(UTC)
    refused = "bind refused: 0x0000000e ESME_RINVPASWD"
    seen = []
    for until, binds in (
        (now + timedelta(seconds=10), Binds(wanted=2, up=2)),
        (now + timedelta(seconds=10), Binds(wanted=2, up=1, trouble="session ended: link_lost")),
        (now + timedelta(seconds=10), Binds(wanted=2, up=0)),
        (now + timedelta(seconds=10), Binds(wanted=2, up=0, trouble=refused)),
        (now - timedelta(seconds=1), Binds(wanted=2, up=2)),
    ):
        async with world.database.transaction() as tx:
            await tx.renew_leases([(world.connector_id, binds)], world.courier_id, now=now, until=until)
        await asyncio.to_thread(in_world.run, "doctor")
        [line] = [line for line in in_world.said.splitlines() if "connector carrier" in line]
        [row] = await in_world.aside("connector", "list")
        seen.append((*line.split(maxsplit=1), row["up"]))
    up = "connector carrier: {} of 2 sessions are up"
    assert seen == [
        ("ok", up.format(2), {"binds": 2, "bound": 2, "trouble": None, "counts": {}}),
        (
            "note",
            f"{up.format(1)}: session ended: link_lost",
            {"binds": 2, "bound": 1, "trouble": "session ended: link_lost", "counts": {}},
        ),
        ("note", up.format(0), {"binds": 2, "bound": 0, "trouble": None, "counts": {}}),
        (
            "attention",
            f"connector carrier is not bound: {refused}; tidings connector test carrier",
            {"binds": 2, "bound": 0, "trouble": refused, "counts": {}},
        ),
        (
            "note",
            "connector carrier: no courier works on it: it is about to, or its log says why it cannot",
            None,
        ),
    ]


async def test_what_couriers_count_is_summed_and_a_carrier_with_two_tongues_is_named(world, in_world):
    now = datetime.now(UTC)
    for courier, counts in ((1, {"taken": 5}), (2, {"taken": 7, "receipts_that_disagree": 3})):
        binds = Binds(wanted=1, up=1, counts=counts)
        async with world.database.transaction() as tx:
            await tx.renew_leases(
                [(world.connector_id, binds)], courier, now=now, until=now + timedelta(seconds=10)
            )
    assert (await in_world.aside("doctor"))["healthy"]
    [row] = await in_world.aside("connector", "list")
    assert row["up"]["counts"] == {"receipts_that_disagree": 3, "taken": 12}
    await asyncio.to_thread(in_world.run, "doctor")
    assert (
        "note" in in_world.said
        and "carrier: 3 receipts say one state in their text and another" in in_world.said
    )


async def test_the_doctor_suggests_the_id_form_that_receipts_are_found_under(world, in_world):
    await world.sql.execute("insert into suspect_count values ($1, 'strip_zeros', 7)", world.connector_id)
    assert await asyncio.to_thread(in_world.run, "doctor") == 1
    assert "tidings connector change carrier --id-form strip_zeros" in in_world.said
    settings = '{"receipt_class": "handset", "id_form": "strip_zeros"}'
    await world.sql.execute("update connector set settings = $1", settings)
    assert await asyncio.to_thread(in_world.run, "doctor") == 0


async def long_messages(world, *, told):
    """Twenty-one long messages whose time is over; so many of them were told of in one part, the others in all."""
    days_ago = datetime.now(UTC) - timedelta(days=6)
    world.clock.advance((days_ago - world.clock.now()).total_seconds())
    sent = [(await send(world, f"3809720000{n:02}", text="x" * 200)).rows[0].id for n in range(21)]
    await world.dispatch()
    for number, message_id in enumerate(sent):
        await world.says(message_id, "DELIVRD", part=1 if number < told else None)
    world.clock.advance(timedelta(days=5).total_seconds())
    await world.sweep()


@pytest.mark.parametrize(("told", "says_so"), [(21, True), (20, True), (19, False), (0, False)])
async def test_the_doctor_suspects_one_receipt_for_all_parts_where_nearly_no_other_comes(
    world, in_world, told, says_so
):
    await long_messages(world, told=told)
    await asyncio.to_thread(in_world.run, "doctor")
    hint = f"{told} of 21 long messages of connector carrier had a receipt for exactly one part"
    assert (hint in in_world.said) == says_so


async def test_the_doctor_leaves_a_connector_alone_that_is_set_to_one_receipt(world, in_world):
    await long_messages(world, told=21)
    settings = '{"receipt_class": "handset", "receipt_parts": "any_one"}'
    await world.sql.execute("update connector set settings = $1", settings)
    await asyncio.to_thread(in_world.run, "doctor")
    assert "exactly one part" not in in_world.said


async def test_the_doctor_misses_a_courier_and_a_clerk_where_there_is_work_for_them(world, in_world):
    await world.sql.execute("select pg_advisory_unlock_all()")
    assert (await in_world.aside("doctor"))["healthy"]
    await send(world, "380972000001")
    await asyncio.to_thread(in_world.run, "doctor")
    assert "no courier is running" in in_world.said and "is a clerk running" in in_world.said


def test_a_database_that_is_not_migrated_is_said_so(shell, postgres):
    server, _, query = postgres.partition("?")
    shell.environ["TIDINGS_DATABASE__URL"] = f"{server.rpartition('/')[0]}/postgres?{query}"
    assert shell.run("account", "list") == 2
    assert "tidings migrate" in shell.complained
    assert shell.run("doctor") == 1
    assert "0001_core" in shell.said


@pytest.mark.parametrize(
    ("url", "code", "complaint"),
    [
        ("postgresql://tidings:hush@127.0.0.1:1/tidings", 3, "cannot be reached"),
        ("not a url", 2, "TIDINGS_DATABASE__URL"),
    ],
)
def test_a_database_that_is_not_there_is_said_without_its_password(url, code, complaint):
    shell = Shell(url)
    assert shell.run("account", "list") == code
    assert complaint in shell.complained and "hush" not in shell.complained
