"""Shapes of the native API. Words are our own: states, reasons and flags as `docs/statuses.md` lists them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tidings.domain.message import Message, Standing
from tidings.domain.money import plain, seven_decimals
from tidings.domain.order import TrafficClass
from tidings.domain.replay import Step
from tidings.domain.source import source
from tidings.domain.status import FINAL, truth
from tidings.flows.records import CallbackNote

Reference = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,50}$")]


class Send(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/messages."""

    to: Annotated[str, Meta(min_length=1, max_length=64)]
    sender: Annotated[str, Meta(min_length=1, max_length=15)]
    text: Annotated[str, Meta(min_length=1, max_length=4_000)]
    reference: Reference | None = None
    traffic_class: TrafficClass | None = None
    validity_s: Annotated[int, Meta(ge=30, le=259_200)] = 259_200
    scheduled_for: datetime | None = None
    tariff: Annotated[int, Meta(ge=0, le=999)] = 0


class Price(msgspec.Struct):
    """Money, with seven decimals."""

    amount: str
    currency: str


class Status(msgspec.Struct, omit_defaults=True):
    """Where a message stands, why, who said so, and how final that is."""

    state: str
    truth: str  # yes, no, unknown or open
    final: bool
    confirmation: str
    inferred: bool  # a deadline of ours said so, nobody else
    reason: str | None = None
    stage: str | None = None
    network_error: int | None = None


class MessageOut(msgspec.Struct, omit_defaults=True):
    """A message. The text is not repeated."""

    id: int
    task_id: int
    reference: str
    message_id: str
    bulk_id: str
    to: str
    sender: str
    parts: int
    status: Status
    price: Price
    test: bool
    dialect: str
    created_at: datetime
    expires_at: datetime
    country: str | None = None
    scheduled_for: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    done_at: datetime | None = None
    report_at: datetime | None = None
    read_at: datetime | None = None
    flags: tuple[str, ...] = ()  # what docs/statuses.md lists, e.g. possible_duplicate


class Event(msgspec.Struct, omit_defaults=True):
    """One thing that happened, and what it made of the message. `part` 0 means all parts."""

    seq: int
    at: datetime
    kind: str
    source: str  # who says so: application, gateway, carrier or clock
    attempt: int
    part: int
    status: Status  # after it
    changed: bool
    claim: str | None = None  # what it says of its part
    reason: str | None = None
    word: str | None = None  # the peer's own word or code, or what made us do it
    provider_at: datetime | None = None
    upstream_id: str | None = None
    connector: int | None = None
    route: int | None = None
    terms: str | None = None  # for what the route was drawn then, and so why it was chosen
    charged: str | None = None
    released: str | None = None
    report: int | None = None  # the number of the report it owed
    contradiction: bool = False  # it says what is ruled out by what is known, and was not obeyed
    inferred: bool = False
    matched_by: str | None = None  # what found the message where the receipt's id did not
    suspect_form: str | None = None  # the id form that found it, where it is not the configured one
    untrusted: bool = False  # good news of a carrier that is known to make it up


class Callback(msgspec.Struct, omit_defaults=True):
    """How far the customer's server was told of one report."""

    report: int  # its number; 0 is the handing over
    standing: str  # pending, delivered or given_up
    at: datetime  # when it is tried next, was answered, or was given up
    tries: int
    http_status: int | None = None  # the last answer's
    why: str | None = None  # the last try failed


class Timeline(msgspec.Struct):
    """All that happened to a message, oldest first, and who was told of it."""

    id: int
    events: list[Event]
    callbacks: list[Callback]


def status_out(standing: Standing) -> Status:
    """A standing in the API's shape."""
    return Status(
        state=standing.state,
        truth=truth(standing.state),
        final=standing.state in FINAL,
        confirmation=standing.confirmation,
        inferred=standing.inferred,
        reason=standing.reason,
        stage=standing.stage,
        network_error=standing.network_error,
    )


def message_out(message: Message) -> MessageOut:
    """A message in the API's shape."""
    return MessageOut(
        id=message.id,
        task_id=message.task_id,
        reference=message.reference,
        message_id=message.message_key,
        bulk_id=message.bulk_key,
        to=message.recipient,
        sender=message.sender,
        parts=message.parts,
        status=status_out(message.standing),
        price=Price(seven_decimals(message.price), message.currency),
        test=message.test,
        dialect=message.dialect,
        created_at=message.created_at,
        expires_at=message.expires_at,
        country=message.country,
        scheduled_for=message.scheduled_for,
        sent_at=message.sent_at,
        delivered_at=message.delivered_at,
        done_at=message.done_at,
        report_at=message.report_at,
        read_at=message.read_at,
        flags=message.flags,
    )


def event_out(step: Step) -> Event:
    """One step of a timeline in the API's shape; raw octets are for the operator only."""
    evidence = step.evidence
    return Event(
        seq=step.seq,
        at=evidence.at,
        kind=evidence.kind,
        source=source(evidence),
        attempt=evidence.attempt,
        part=evidence.part,
        status=status_out(step.standing),
        changed=step.changed,
        claim=evidence.claim,
        reason=evidence.reason,
        word=evidence.word,
        provider_at=evidence.provider_at,
        upstream_id=evidence.upstream_id,
        connector=evidence.connector or None,
        route=evidence.route or None,
        terms=evidence.terms,
        charged=plain(evidence.charged) if evidence.charged else None,
        released=plain(evidence.released) if evidence.released else None,
        report=evidence.report or None,
        contradiction=step.contradiction,
        inferred=evidence.inferred,
        matched_by=evidence.matched_by,
        suspect_form=evidence.suspect_form,
        untrusted=evidence.untrusted,
    )


def callback_out(note: CallbackNote) -> Callback:
    """A callback in the API's shape."""
    return Callback(
        report=note.number,
        standing=note.standing,
        at=note.at,
        tries=note.tries,
        http_status=note.status or None,
        why=note.why or None,
    )
