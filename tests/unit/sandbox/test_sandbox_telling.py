"""`tidings sim truth` and `tidings sim scripts`: the simulator answers for what it did."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from esme import Esme, message

from tidings.app.cli.sim import sim
from tidings.connectors.sandbox.script import Script, parse, shipped
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.sandbox.smsc import SimulatedSmsc

LOSES_ANSWERS = parse(
    '[[rule]]\nfault = "drop_response"\nto_suffix = "77"\n[[rule]]\nfault = "throttle"\nto_suffix = "88"'
)


async def kept(state: Path, script: Script) -> None:
    """Three submissions: one is answered and told, one is not answered, one is throttled."""
    settings = Settings(port=0, receipt_delay_s=0, state=state)
    async with SimulatedSmsc(settings, script=script) as smsc:
        esme = await Esme.bound(smsc.port)
        await esme.submit("31600000001")
        await esme.told()
        assert (await esme.submit("31600000088")).status == 0x58
        esme.send(message("31600000077"))  # never answered
        await esme.told()


def ask(*words: str) -> str:
    done = CliRunner().invoke(sim, words)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    await kept(tmp_path / "state", LOSES_ANSWERS)
    return tmp_path / "state"


async def test_the_totals_name_what_was_withheld(state: Path):
    told = ask("truth", "--state", str(state))
    rows = dict(line.split() for line in told.splitlines())
    assert (rows["taken"], rows["refused"], rows["unanswered"]) == ("2", "1", "1")
    assert (rows["drop_response"], rows["throttle"]) == ("1", "1")


async def test_one_number_is_told_of_message_by_message(state: Path):
    told = ask("truth", "--state", str(state), "--to", "31600000077")
    assert "'answered': False" in told and "drop_response" in told and "DELIVRD" in told
    assert ask("truth", "--state", str(state), "--to", "1") == "nothing was taken to 1\n"


def test_the_shipped_scripts_are_listed_with_what_they_do():
    told = ask("scripts")
    assert [line.split()[0] for line in told.splitlines()] == shipped()
