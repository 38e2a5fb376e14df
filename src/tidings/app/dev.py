"""`tidings dev`: the gateway, a simulated SMSC, and a demo account with keys that outlive a restart."""

from collections.abc import Mapping
from pathlib import Path

import click

from tidings.app.child import Program
from tidings.app.config_sources import variable
from tidings.app.demo import ensure_demo
from tidings.app.dev_facts import DevFacts, read, write, write_private
from tidings.app.dev_guide import guide
from tidings.app.listening import base_url
from tidings.app.serving import SIM_STOP_RANK, Gateway
from tidings.store.postgres_place import passable


async def run(gateway: Gateway) -> None:
    """The body of `tidings dev`: start all, tell how to use it, and stay."""
    sim = gateway.start.config.sim
    directory = _directory(gateway.start.config.dev.dir)
    facts_file, password_file = directory / "dev.json", directory / "smsc.password"
    write_private(password_file, sim.password.encode())
    smsc_port = await _start_smsc(gateway, state=sim.state or directory / "smsc.state")
    demo = await ensure_demo(
        gateway.database_url,
        read(facts_file),
        smsc_host=sim.host,
        smsc_port=smsc_port,
        smsc_system_id=sim.system_id,
        smsc_password_file=str(password_file),
    )
    await gateway.open()
    facts = _facts(gateway, demo, smsc=f"{sim.host}:{smsc_port}")
    write(facts_file, facts)
    click.echo(guide(facts, facts_file=facts_file, data_dir=gateway.data_dir))
    await gateway.supervisor.watch()


def _directory(checkout_dir: Path) -> Path:
    directory = checkout_dir.absolute() / ".tidings"
    passable(directory)
    return directory


async def _start_smsc(gateway: Gateway, *, state: Path) -> int:
    """Start the simulated SMSC; the port on which it listens. Started again, it listens there again."""
    environ = {**gateway.start.environ, variable("sim.state"): str(state)}
    program = Program("simulated SMSC", "tidings.app.dev_sim", environ=environ, stop_rank=SIM_STOP_RANK)
    [port] = await gateway.supervisor.start(program)
    environ[variable("sim.port")] = port
    return int(port)


def _facts(gateway: Gateway, demo: Mapping[str, str], *, smsc: str) -> DevFacts:
    assert gateway.listener is not None, "tidings dev runs every role"
    http = base_url(gateway.listener)
    return DevFacts(
        http=http,
        console=f"{http}/console",
        live_key=demo["live_key"],
        test_key=demo["test_key"],
        basic_user=demo["basic_user"],
        basic_password=demo["basic_password"],
        smsc=smsc,
        database_url=gateway.database_url,
    )
