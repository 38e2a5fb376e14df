"""`tidings doctor`."""

from datetime import timedelta
from enum import StrEnum

import asyncpg
import click
import msgspec

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.store import health
from tidings.store.invariants import Violation, check
from tidings.store.migrate import pending

SLACK = timedelta(seconds=60)
"""How late something may be before it is a complaint."""

NEWEST = 20_000
"""Messages whose evidence is replayed unless all are asked for."""


DISAGREE = "receipts_that_disagree"


class Level(StrEnum):
    """How bad a finding is. Anything but OK and NOTE makes the exit code 1."""

    OK = "ok"
    NOTE = "note"
    ATTENTION = "attention"  # somebody should act
    BROKEN = "broken"  # something that must never be


class Finding(msgspec.Struct, frozen=True):
    """One thing the doctor says."""

    level: Level
    text: str


class Diagnosis(msgspec.Struct, frozen=True):
    """All of it."""

    findings: list[Finding]
    violations: list[Violation] = []
    counts: health.Counts | None = None

    @property
    def healthy(self) -> bool:
        """Nobody needs to act."""
        return all(one.level in (Level.OK, Level.NOTE) for one in self.findings)


@click.command()
@click.option(
    "--all", "everything", is_flag=True, help=f"Replay every message, not only the newest {NEWEST:,}."
)
@click.pass_context
def doctor(context: click.Context, *, everything: bool) -> None:
    """Examine the house: database, migrations, what must always hold, what waits too long.

    Exit code 0 only if nobody needs to act.

    \b
      tidings doctor
      tidings --json doctor | jq .healthy
    """
    invocation = context.ensure_object(Invocation)

    async def examine(desk: Desk) -> Diagnosis:
        return await _examine(desk.connection, everything=everything)

    diagnosis = ask(invocation, examine, any_version=True)
    answer = {"healthy": diagnosis.healthy, **msgspec.to_builtins(diagnosis)}
    width = max(len(one.level) for one in diagnosis.findings)
    invocation.show(answer, "\n".join(f"{one.level.ljust(width)}  {one.text}" for one in diagnosis.findings))
    context.exit(0 if diagnosis.healthy else 1)


async def _examine(connection: asyncpg.Connection, *, everything: bool) -> Diagnosis:
    version = connection.get_settings().server_version.split()[0]  # what a distribution adds is left out
    findings = [Finding(Level.OK, f"PostgreSQL {version} answers")]
    missing = await pending(connection)
    if missing:
        text = f"migrations are missing: {', '.join(missing)}; `tidings migrate` applies them"
        return Diagnosis([*findings, Finding(Level.BROKEN, text)])
    findings.append(Finding(Level.OK, "all migrations are applied"))
    counts = await health.counts(connection, slack=SLACK)
    from_id = 0 if everything else max(counts.last_id - NEWEST, 0)
    violations = await check(connection, from_id=from_id)
    findings += _promises(violations)
    findings += _lack(await health.set_up(connection))
    findings += _waiting(counts, await health.late(connection, slack=SLACK))
    if counts.couriers:
        bound = await health.bound(connection)
        findings += [_bound(one) for one in bound]
        findings += [Finding(Level.NOTE, _two_tongues(one)) for one in bound if one.counts.get(DISAGREE)]
    findings += [Finding(Level.ATTENTION, _suspicion(one)) for one in await health.suspected(connection)]
    findings += [
        Finding(Level.ATTENTION, _one_for_all(one)) for one in await health.lonely_receipts(connection)
    ]
    return Diagnosis(findings, violations, counts)


def _promises(violations: list[Violation]) -> list[Finding]:
    if not violations:
        return [Finding(Level.OK, "what must always hold does hold")]
    return [
        Finding(
            Level.BROKEN,
            f"invariant {one.number}, {one.promise}: broken {one.found} times, e.g. {'; '.join(one.examples)}",
        )
        for one in violations
    ]


def _lack(there: health.SetUp) -> list[Finding]:
    """What sending still needs."""
    lacks = [
        (there.accounts, "there is no account yet: tidings account create --help"),
        (there.connectors, "there is no connector yet that is switched on: tidings connector add --help"),
        (there.routes, "no route leads to a connector that is switched on: tidings route add --help"),
    ]
    return [Finding(Level.NOTE, text) for is_there, text in lacks if not is_there]


def _waiting(counts: health.Counts, late: list[health.Late]) -> list[Finding]:
    """What waits, and whether somebody is there to do something about it."""
    found = [
        Finding(
            Level.NOTE,
            f"{counts.queued} queued, {counts.written} written and unanswered, {counts.in_doubt} in doubt, "
            f"{counts.unconfirmed} sent without confirmation",
        )
    ]
    if not counts.couriers:
        idle = not (counts.queued or counts.deserted)
        found.append(
            Finding(
                Level.NOTE if idle else Level.ATTENTION,
                "no courier is running, so nothing is sent: `tidings serve` runs one",
            )
        )
    found += [Finding(Level.ATTENTION, _complaint(one)) for one in late if counts.couriers]
    if counts.unattended:
        found.append(
            Finding(
                Level.ATTENTION,
                f"{counts.unattended} deadlines have passed and nobody looked: is a clerk running (`tidings serve`)?",
            )
        )
    if counts.orphans_waiting or counts.orphans_given_up:
        found.append(
            Finding(
                Level.NOTE,
                f"{counts.orphans_waiting + counts.orphans_given_up} receipts belong to no submission we know "
                f"({counts.orphans_waiting} are tried again): another system on the same account, or a wrong --id-form",
            )
        )
    return [*found, *_callbacks(counts)]


def _callbacks(counts: health.Counts) -> list[Finding]:
    """Customers' servers that could not be told, which is theirs to mend and ours to say."""
    found = []
    if counts.callbacks_late:
        found.append(
            Finding(
                Level.NOTE,
                f"{counts.callbacks_late} of {counts.callbacks_waiting} callbacks are late: a customer's server does "
                f"not answer, or no clerk is running (tidings callbacks list --pending)",
            )
        )
    if counts.callbacks_given_up:
        found.append(
            Finding(
                Level.NOTE,
                f"{counts.callbacks_given_up} callbacks were given up: tidings callbacks list, tidings callbacks retry",
            )
        )
    return found


def _bound(one: health.Bound) -> Finding:
    """Whether the carrier has let us in, and with how many sessions."""
    if not one.couriers:
        text = "no courier works on it: it is about to, or its log says why it cannot"
        return Finding(Level.NOTE, f"connector {one.connector}: {text}")
    shown = f"connector {one.connector}: {one.bound} of {one.binds} sessions are up"
    if one.bound == one.binds > 0:
        return Finding(Level.OK, shown)
    why = f": {one.trouble}" if one.trouble else ""
    if one.bound or not one.trouble:  # without a reason it has only begun to connect
        return Finding(Level.NOTE, shown + why)
    return Finding(
        Level.ATTENTION,
        f"connector {one.connector} is not bound{why}; tidings connector test {one.connector}",
    )


def _two_tongues(one: health.Bound) -> str:
    return (
        f"connector {one.connector}: {one.counts[DISAGREE]} receipts say one state in their text and another in a TLV "
        "since its couriers' start; the text is believed"
    )


def _complaint(one: health.Late) -> str:
    waits = (
        f"{one.messages} messages wait for connector {one.connector} since {one.since:%Y-%m-%d %H:%M:%S} UTC"
    )
    if not one.enabled:
        return f"{waits}: it is switched off (tidings connector enable {one.connector})"
    return f"{waits}: is it bound? tidings connector test {one.connector}"


def _suspicion(one: health.Suspected) -> str:
    return (
        f"{one.receipts} receipts of connector {one.connector} were found only under the id form {one.form}: "
        f"tidings connector change {one.connector} --id-form {one.form}"
    )


def _one_for_all(one: health.Lonely) -> str:
    """Two things look alike from here; the operator can tell them apart."""
    return (
        f"{one.told_once} of {one.messages} long messages of connector {one.connector} had a receipt for exactly one "
        f"part: either it sends one for all (tidings connector change {one.connector} --receipt-parts any_one), or "
        "receipts get lost on the way"
    )
