"""`tidings sim`: simulated carriers, each a process of its own."""

import asyncio
import gc
import os
import secrets
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop

from tidings.app.cli.invocation import Invocation
from tidings.app.parent import tie_to_parent, watch_parent
from tidings.connectors.sandbox.messages import Message
from tidings.connectors.sandbox.script import Script, read_script, shipped
from tidings.connectors.sandbox.settings import PASSWORD, IdForm, Settings
from tidings.connectors.sandbox.smsc import CALM, SimulatedSmsc
from tidings.connectors.sandbox.truth import Truth, read_truth
from tidings.domain.errors import Misconfigured

DEFAULT = Settings()
GC_THRESHOLDS = 50_000, 20, 100  # it makes many objects and no cycles; looking for them took 15 % of its time

seconds = click.FloatRange(min=0)
some_seconds = click.FloatRange(min=0, min_open=True)
count = click.IntRange(min=1)


@click.group("sim")
def sim() -> None:
    """Simulated carriers, for development, demonstrations and tests."""


@sim.command("smsc", context_settings={"show_default": True})
@click.option("--host", default=DEFAULT.host, help="Address to listen on.")
@click.option("--port", default=DEFAULT.port, help="Port to listen on; 0 takes a free one and prints it.")
@click.option("--system-id", default=DEFAULT.system_id, help="Who may bind.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File with the password (at most 8 octets); else TIDINGS_SIM_PASSWORD, else {PASSWORD!r}.",
)
@click.option(
    "--response-delay", "response_delay_s", type=seconds, default=DEFAULT.response_delay_s,
    help="Seconds until a submission is answered.",
)  # fmt: skip
@click.option(
    "--receipt-delay", "receipt_delay_s", type=seconds, default=DEFAULT.receipt_delay_s,
    help="Seconds from the answer to the delivery receipt.",
)  # fmt: skip
@click.option(
    "--late-delay", "late_delay_s", type=seconds, default=DEFAULT.late_delay_s,
    help="The same for numbers that end in 9903.",
)  # fmt: skip
@click.option(
    "--early-by", "early_by_s", type=seconds, default=DEFAULT.early_by_s,
    help="Seconds from receipt to answer for numbers that end in 9909.",
)  # fmt: skip
@click.option(
    "--throughput", "throughput_per_s", type=count,
    help="Submissions a second over all binds; more are answered ESME_RTHROTTLED. Default: no limit.",
)  # fmt: skip
@click.option(
    "--id-form", type=click.Choice([form.value for form in IdForm]), default=DEFAULT.id_form.value,
    help="How message ids are spelt; hex-dec: hexadecimal in answers, decimal in receipts.",
)  # fmt: skip
@click.option(
    "--sessions", "sessions_max", type=count, default=DEFAULT.sessions_max,
    help="Sessions bound at once; one more is answered ESME_RALYBND.",
)  # fmt: skip
@click.option(
    "--deliver-window", type=count, default=DEFAULT.deliver_window,
    help="Receipts a session may leave unacknowledged before the next ones wait.",
)  # fmt: skip
@click.option(
    "--retry-after", "retry_after_s", type=some_seconds, default=DEFAULT.retry_after_s,
    help="Seconds until a receipt is sent again that was answered 'not now'.",
)  # fmt: skip
@click.option(
    "--resend-after", "resend_after_s", type=some_seconds, default=DEFAULT.resend_after_s,
    help="Seconds until a receipt is sent again that was not answered.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the truth in this file, and go on from it: open receipts survive a restart.",
)  # fmt: skip
@click.option(
    "--script", "script_name", help="What goes wrong: a .toml file, or the name of a shipped script."
)
@click.option(
    "--seed", type=int, help="Seed of the script's chances; without one, a new one is taken and printed."
)
@click.option(
    "--hurry", type=click.FloatRange(min=0, min_open=True), default=1.0,
    help="Divide the seconds that the script gives by this.",
)  # fmt: skip
@click.make_pass_decorator(Invocation, ensure=True)
def smsc(
    invocation: Invocation,
    /,
    *,
    password_file: Path | None,
    id_form: str,
    script_name: str | None,
    seed: int | None,
    hurry: float,
    **options: Any,
) -> None:
    """Run a simulated SMSC that speaks SMPP 3.4.

    The last four digits of the destination choose what becomes of a message:

    \b
      9902  no receipt, ever             9906  undeliverable, err:001
      9903  the receipt comes late       9907  expired
      9904  the receipt comes twice      9908  rejected when submitted
      9905  DELIVRD, then UNDELIV        9909  receipt before the answer
      all others are delivered

    Receipts that nobody acknowledges are kept and sent again. Ctrl-C or SIGTERM unbinds and stops. With --script
    things go wrong by chance or by count (docs/fault-scripts.md); SIGUSR1 ends that, and the SMSC goes on without.

    \b
    A slow carrier whose ids are hexadecimal only in its answers:
      tidings sim smsc --response-delay 0.5 --receipt-delay 5 --id-form hex-dec
    One that remembers what it did, also after a kill:
      tidings sim smsc --state smsc.jsonl
    One whose answers get lost now and then:
      tidings sim smsc --script everything --seed 7 --hurry 10
    """
    tie_to_parent()
    gc.set_threshold(*GC_THRESHOLDS)
    settings = Settings(password=_password(password_file), id_form=IdForm(id_form), **options)
    script = read_script(script_name).hurried(hurry) if script_name else None
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    uvloop.run(_serve(settings, invocation, script=script, seed=seed))


@sim.command("scripts")
@click.make_pass_decorator(Invocation, ensure=True)
def scripts(invocation: Invocation) -> None:
    """The fault scripts that come with the product, for `tidings sim smsc --script`."""
    found = {name: read_script(name).about for name in shipped()}
    width = max(map(len, found))
    invocation.show(found, "\n".join(f"{name:{width}}  {about}" for name, about in found.items()))


@sim.command("truth")
@click.option(
    "--state", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
    help="The state file of a simulated SMSC, running or not.",
)  # fmt: skip
@click.option("--to", "number", help="Tell of the messages to this number instead, one by one.")
@click.make_pass_decorator(Invocation, ensure=True)
def truth(invocation: Invocation, state: Path, number: str | None) -> None:
    """What a simulated SMSC really took, decided and told, and how it was answered."""
    known = read_truth(state)
    if number is None:
        facts = _totals(known)
        rows = [f"{key:28}{value}" for group in facts.values() for key, value in group.items()]
        invocation.show(facts, "\n".join(rows))
    else:
        messages = [_one(message) for message in known.to(number)]
        invocation.show(messages, "\n".join(map(str, messages)) or f"nothing was taken to {number}")


def _totals(known: Truth) -> dict[str, dict[str, int]]:
    counts = msgspec.structs.asdict(known.summary())
    return {"counts": counts, "outcomes": known.outcomes(), "faults": known.faults()}


def _one(message: Message) -> dict[str, Any]:
    took = message.took
    return {
        "id": took.id,
        "at": datetime.fromtimestamp(took.at, UTC).isoformat(timespec="milliseconds"),
        "part": f"{took.part.number}/{took.part.total}" if took.part else None,
        "end": took.end.stat,
        "answered": not message.unanswered,
        "faults": list(took.faults),
        "told": [
            {"word": verdict.stat, "times": telling.sent, "acknowledged": telling.acknowledged_at is not None}
            for verdict, telling in zip(took.receipts, message.tellings, strict=True)
        ],
    }


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="latin-1").rstrip("\r\n")
    return os.environ.get("TIDINGS_SIM_PASSWORD", PASSWORD)


async def _serve(settings: Settings, invocation: Invocation, *, script: Script | None, seed: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watching = asyncio.ensure_future(watch_parent(stop.set))
    async with SimulatedSmsc(settings, script=script or CALM, seed=seed) as running:
        where = {"host": settings.host, "port": running.port, "system_id": settings.system_id}
        text = "smsc listening on {host}:{port} system_id={system_id}"
        if script is not None:
            where["seed"] = seed
            text += " seed={seed}"
        invocation.show(where, text.format(**where))
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, running.calm)
        running.failed.add_done_callback(lambda _: stop.set())
        await stop.wait()
    watching.cancel()
    if running.failed.done():
        raise Misconfigured(f"cannot write the state file {settings.state}: {running.failed.result()}")
