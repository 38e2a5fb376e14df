"""`tidings status` and `tidings timeline`: what became of a message, and how anybody knows."""

from datetime import datetime
from typing import Any, NamedTuple

import click
import msgspec

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import facts, table
from tidings.app.house import House
from tidings.console import moments, words
from tidings.console.timeline import Step
from tidings.console.timeline import timeline as retold
from tidings.domain.bucket import Bucket
from tidings.domain.delivery import Flag
from tidings.domain.errors import Misconfigured
from tidings.domain.evidence import Evidence
from tidings.domain.message import Message, Task
from tidings.domain.money import plain
from tidings.domain.source import source
from tidings.flows.records import CallbackNote
from tidings.store.operator import find_messages, find_tasks

HEADINGS = ("when (UTC)", "who", "what", "status", "so", "how they put it", "upstream id", "their time")

Told = tuple[Evidence, Step]


class Story(NamedTuple):
    """A message, its evidence with what each piece did, how its server was told, and what its routes lead to."""

    message: Message
    told: list[Told]
    left_out: int  # pieces of a long history
    callbacks: list[CallbackNote]
    connectors: dict[int, str]  # their names


class Found(msgspec.Struct, frozen=True):
    """What an id or a reference stands for, each with the name of its account."""

    messages: list[tuple[str, Message]]
    tasks: list[tuple[str, Task]]


@click.command()
@click.argument("asked", metavar="ID|REFERENCE")
@click.option("--account", metavar="NAME", help="Look in this account only.")
@click.pass_obj
def status(invocation: Invocation, *, asked: str, account: str | None) -> None:
    """Say where a message stands, by its id, its reference or its messageId; or a task, by its id or bulkId.

    Looks in all accounts. Texts are not shown.

    \b
      tidings status 1042
      tidings status order-2026-118 --account acme
    """

    async def look(desk: Desk) -> Found:
        account_id = await desk.admin.account_id(account) if account else None
        names = {row["id"]: row["name"] for row in await desk.admin.accounts()}
        messages = await find_messages(desk.connection, asked, account_id=account_id)
        tasks = await find_tasks(desk.connection, asked, account_id=account_id)
        async with desk.house() as house:
            return Found(
                [(names[key[0]], one) for key in messages if (one := await house.message(*key))],
                [(names[key[0]], task) for key in tasks if (task := await house.task(*key))],
            )

    found = ask(invocation, look)
    if not found.messages and not found.tasks:
        raise _unknown(asked, account)
    answer = {
        "messages": [_message_answer(owner, one) for owner, one in found.messages],
        "tasks": [_task_answer(owner, one) for owner, one in found.tasks],
    }
    shown = [_message_shown(owner, one) for owner, one in found.messages]
    shown += [_task_shown(owner, one) for owner, one in found.tasks]
    invocation.show(answer, "\n\n".join(shown))


@click.command()
@click.argument("asked", metavar="ID|REFERENCE")
@click.option("--account", metavar="NAME", help="Look in this account only.")
@click.option("--raw", is_flag=True, help="Also show what the carrier sent, octet by octet, up to the text.")
@click.pass_obj
def timeline(invocation: Invocation, *, asked: str, account: str | None, raw: bool) -> None:
    """Tell what happened to a message, oldest first: who said what, and what it made of the status.

    The status is nothing but this evidence, folded; here it is folded again, step by step.

    \b
      tidings timeline 1042
      tidings timeline order-2026-118 --raw
    """

    async def look(desk: Desk) -> list[Story]:
        account_id = await desk.admin.account_id(account) if account else None
        found = await find_messages(desk.connection, asked, account_id=account_id)
        connectors = {row["id"]: row["name"] for row in await desk.admin.connectors()}
        async with desk.house() as house:
            return [await _story(house, *key, connectors=connectors) for key in found]

    stories = ask(invocation, look)
    if not stories:
        raise _unknown(asked, account)
    answer = [
        {
            "id": story.message.id,
            "left_out": story.left_out,
            "timeline": [_step_answer(one, raw=raw) for one in story.told],
            "callbacks": msgspec.to_builtins(story.callbacks),
        }
        for story in stories
    ]
    shown = [_story_shown(story, raw=raw) for story in stories]
    invocation.show(answer, "\n\n".join(shown))


def _unknown(asked: str, account: str | None) -> Misconfigured:
    return Misconfigured(f"nothing is known of {asked!r}" + (f" in the account {account}" if account else ""))


async def _story(house: House, account_id: int, message_id: int, *, connectors: dict[int, str]) -> Story:
    """All that is shown of a message."""
    message = await house.message(account_id, message_id)
    assert message is not None, "it was found just now"
    log = await house.timeline(account_id, message_id)
    steps = retold(log, account_id=account_id, message_id=message_id)
    begun, ended = len(steps.first), len(log) - len(steps.last)
    told = [*zip(log[:begun], steps.first, strict=True), *zip(log[ended:], steps.last, strict=True)]
    callbacks = await house.callbacks(account_id, message_id)
    return Story(message, told, steps.left_out, callbacks, connectors)


# -- a message ------------------------------------------------------------------------------------------------


def _message_answer(owner: str, message: Message) -> dict[str, Any]:
    """The message for programs; without its text."""
    answer: dict[str, Any] = msgspec.to_builtins(message)
    del answer["text"]
    return {**answer, "price": plain(message.price), "account": owner}


def _message_shown(owner: str, message: Message) -> str:
    standing = message.standing
    state = words.STATES[standing.state]
    because = f", because {words.REASONS[standing.reason]}" if standing.reason else ""
    head = f"message {message.id} of {owner}: {standing.state}{because}\n  {state.meaning} {words.certainty(standing)}"
    return (
        head.rstrip()
        + "\n"
        + facts(
            [
                ("reference", message.reference),
                ("messageId", message.message_key),
                ("task", f"{message.task_id} (bulkId {message.bulk_key}, by {message.dialect})"),
                ("to", f"{message.recipient} ({message.country or 'no country'})"),
                ("from", message.sender),
                ("parts", message.parts),
                (
                    "price",
                    f"{plain(message.price)} {message.currency}{' (test, not billed)' if message.test else ''}",
                ),
                ("accepted", moments.shown(message.created_at)),
                ("scheduled for", _at(message.scheduled_for)),
                ("valid until", moments.shown(message.expires_at)),
                ("handed over", _at(message.sent_at)),
                ("delivered", _at(message.delivered_at)),
                ("read", _at(message.read_at)),
                ("ended", _at(message.done_at)),
                ("report came", _at(message.report_at)),
                *[("note", words.FLAGS[Flag(flag)]) for flag in message.flags],
            ]
        )
    )


def _at(when: datetime | None) -> str | None:
    return moments.shown(when) if when else None


def _task_answer(owner: str, task: Task) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.to_builtins(task)
    del answer["text"]
    return {**answer, "price": plain(task.price), "account": owner}


def _task_shown(owner: str, task: Task) -> str:
    counters = [(str(one), getattr(task, one)) for one in Bucket]
    return (
        f"task {task.id} of {owner}: {task.total} messages, {task.id + 1} to {task.id + task.total}\n"
        + facts(
            [
                ("bulkId", task.bulk_key),
                ("name", task.name),
                ("accepted", moments.shown(task.created_at)),
                ("price", f"{plain(task.price)} {task.currency}"),
                ("handed over", task.handed_over),
                *counters,
            ]
        )
    )


# -- its timeline ---------------------------------------------------------------------------------------------


def _step_answer(told: Told, *, raw: bool) -> dict[str, Any]:
    """One step for programs."""
    evidence, step = told
    answer: dict[str, Any] = msgspec.to_builtins(evidence)
    answer.pop("raw", None)
    answer |= {name: plain(amount) for name, amount in answer.items() if name in ("charged", "released")}
    answer |= {"source": source(evidence), "state": step.state, "changed": step.changed}
    if step.contradiction:
        answer["contradiction"] = True
    if raw and step.raw:
        answer["raw"] = step.raw.hex
        answer["raw_octets"] = step.raw.octets
    return answer


def _story_shown(story: Story, *, raw: bool) -> str:
    lines = table(HEADINGS, [_row(one, story.connectors) for one in story.told]).split("\n")
    if story.left_out:
        lines.append(f"({story.left_out} steps in between are not shown)")
    lines += [f"{moments.shown(one.at)}  {words.told_back(one)}" for one in story.callbacks]
    if raw:
        lines += ["", *(_octets(evidence, step) for evidence, step in story.told if step.raw)]
    return "\n".join([f"message {story.message.id}: {story.message.standing.state}", *lines])


def _row(told: Told, connectors: dict[int, str]) -> tuple[object, ...]:
    evidence, step = told
    return (
        moments.shown(evidence.at),
        source(evidence),
        f"{step.what}, {step.which}" if step.which else step.what,
        _effect(evidence, step),
        _cost(evidence),
        _why(evidence, step, connectors),
        step.upstream_id,
        _at(step.provider_at),
    )


def _why(evidence: Evidence, step: Step, connectors: dict[int, str]) -> str:
    """How they put it; and where a route was chosen, which, and why."""
    said = f"{step.word or ''} ({step.reason})".strip() if step.reason else step.word or step.cause
    chosen = words.route(evidence, connectors.get(evidence.connector))
    return "; now ".join(filter(None, [said, chosen]))


def _cost(evidence: Evidence) -> str | None:
    """What it cost the account, and what it owed it."""
    owed = [
        f"charged {plain(evidence.charged)}" if evidence.charged else "",
        f"gave back {plain(evidence.released)}" if evidence.released else "",
        f"report {evidence.report}" if evidence.report else "",
    ]
    return ", ".join(filter(None, owed))


def _effect(evidence: Evidence, step: Step) -> str:
    """The status it led to; what it claimed, where that is another one."""
    if step.contradiction:
        return f"{step.state} (not obeyed: {evidence.claim})"
    if step.changed or evidence.claim in (None, step.state):
        return str(step.state) if step.changed else f"{step.state} (as before)"
    return f"{step.state} (of this part: {evidence.claim})" if step.which else f"{step.state} (as before)"


def _octets(evidence: Evidence, step: Step) -> str:
    assert step.raw is not None
    hidden = f" … {step.raw.hidden} octets of text" if step.raw.hidden else ""
    cut = f" … {step.raw.cut} octets more" if step.raw.cut else ""
    return (
        f"{moments.shown(evidence.at)}  {step.what}, {step.raw.octets} octets\n  {step.raw.hex}{hidden}{cut}"
    )
