"""A small world around the gateway: a clock, a customer, and a carrier that keeps what reached it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import httpx
from msgspec import structs

from tidings.app import http
from tidings.app.config import Config
from tidings.app.house import House
from tidings.app.keys import create_key, create_password
from tidings.app.served import served
from tidings.connectors.smpp import words
from tidings.connectors.smpp.receipts import said
from tidings.domain.delivery import Delivery
from tidings.domain.message import Message
from tidings.domain.outcome import Next, Outcome, Refused, Taken, Unknown
from tidings.domain.reason import Reason
from tidings.domain.receipt import Receipt
from tidings.domain.replay import replay
from tidings.flows.answers import Answer, RecordAnswers
from tidings.flows.catalog import CatalogCache
from tidings.flows.close import Close
from tidings.flows.dispatch import Dispatch, Waits
from tidings.flows.hear import Hear
from tidings.flows.ports import Outgoing
from tidings.flows.receive import EVERY_PART, Incoming, Receive
from tidings.flows.recent import Recent
from tidings.flows.records import Flight
from tidings.store.admin import Admin
from tidings.store.database import PostgresDatabase
from tidings.store.flights import become_courier

BORN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WAITS = Waits(doubt=timedelta(seconds=60), doubt_otp=timedelta(seconds=15), receipt_grace=timedelta(hours=24))
TRUST = words.Trust(words.ReceiptClass.HANDSET, err_is_map=True)


class FakeClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self._now = BORN

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass
class FakeCarrier:
    """What an upstream does with submissions, and what it saw."""

    mood: str = "take"  # take | silent | refuse | throttle
    submissions: list[Outgoing] = field(default_factory=list)
    known: dict[int, list[tuple[str, Outgoing]]] = field(default_factory=dict)  # message id -> upstream ids

    def submit(self, part: Outgoing, message_id: int) -> Outcome:
        self.submissions.append(part)
        upstream_id = f"up{len(self.submissions)}"
        if self.mood in {"take", "silent"}:
            self.known.setdefault(message_id, []).append((upstream_id, part))
        match self.mood:
            case "take":
                return Taken(upstream_id, b"resp")
            case "silent":
                return Unknown("timeout")
            case "refuse":
                return Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0000000b ESME_RINVDSTADR")
            case "throttle":
                return Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x00000058 ESME_RTHROTTLED")
        raise AssertionError(self.mood)


@dataclass
class Customer:
    """An account and what proves it."""

    account_id: int
    name: str
    key: str
    test_key: str
    user: str
    password: str


class World:
    """See the module."""

    currency = "EUR"

    def __init__(self, database: PostgresDatabase, url: str, clock: FakeClock) -> None:
        self.database = database
        self.url = url
        self.clock = clock
        self.carrier = FakeCarrier()
        self.gateway: House
        self.http: httpx.AsyncClient
        self.customer: Customer
        self.connector_id = 0
        self.reading = EVERY_PART
        self.courier_id = 0
        self._connection: asyncpg.Connection

    @property
    def account_id(self) -> int:
        return self.customer.account_id

    @property
    def key(self) -> str:
        return self.customer.key

    @property
    def test_key(self) -> str:
        return self.customer.test_key

    @property
    def user(self) -> str:
        return self.customer.user

    @property
    def password(self) -> str:
        return self.customer.password

    @property
    def admin(self) -> Admin:
        return Admin(self._connection)

    @property
    def sql(self) -> asyncpg.Connection:
        return self._connection

    async def reopen(self) -> None:
        """The gateway anew, with nothing in memory."""
        self.gateway = await House.on(self.database, self.clock)

    def on_http(self) -> httpx.AsyncClient:
        """A client of the gateway as it is now."""
        app = http.build(served(self.gateway, clock=self.clock, config=Config()), ready=_always)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tidings")

    async def account(
        self,
        name: str,
        *,
        balance: str = "1000",
        price: str | None = "0.02",
        senders: Sequence[str] = (),
        **more: object,
    ) -> Customer:
        """A further customer. `more`: credit_limit, plan, traffic_class, settings."""
        admin = self.admin
        account_id = await admin.add_account(name, self.currency, senders=senders, **more)  # type: ignore[arg-type]
        if Decimal(balance):
            await admin.top_up(account_id, Decimal(balance))
        if price is not None:
            await admin.set_price(account_id, tariff=0, prefix="", per_part=Decimal(price))
        _, key = await create_key(admin, account_id, test=False)
        _, test_key = await create_key(admin, account_id, test=True)
        _, password = await create_password(admin, account_id, f"{name}-user")
        return Customer(account_id, name, key, test_key, f"{name}-user", password)

    async def other_account(self, name: str = "other", **knobs: object) -> Customer:
        return await self.account(name, **knobs)  # type: ignore[arg-type]

    def dispatcher(self, recent: Recent | None = None) -> Dispatch:
        return Dispatch(
            self.database,
            clock=self.clock,
            connector_id=self.connector_id,
            courier_id=lambda: self.courier_id,
            recent=recent,
        )

    async def take(self, room: int = 10_000) -> list[tuple[Flight, Outgoing]]:
        """Claim what is due and commit the intent; the submissions to write."""
        handovers = await self.dispatcher().take(room)
        return [pair for one in handovers for pair in zip(one.flights, one.parts, strict=True)]

    async def dispatch(self) -> int:
        """Hand over everything that is due, and record what the carrier says; how many submissions."""
        total = 0
        while pairs := await self.take():
            answers = [
                self.answer(flight, self.carrier.submit(part, flight.message_id)) for flight, part in pairs
            ]
            await self.record(answers)
            total += len(pairs)
        return total

    def answer(self, flight: Flight, outcome: Outcome) -> Answer:
        stored = outcome.upstream_id if isinstance(outcome, Taken) else None
        return Answer(flight, outcome, self.clock.now(), stored)

    def recorder(self) -> RecordAnswers:
        return RecordAnswers(
            self.database,
            clock=self.clock,
            connector_id=self.connector_id,
            waits=WAITS,
            catalog=CatalogCache(),
            reading=self.reading,
        )

    def receiver(self) -> Receive:
        return Receive(self.database, clock=self.clock, connector_id=self.connector_id, reading=self.reading)

    def hearer(self, recent: Recent | None = None) -> Hear:
        """What a courier hears; without `recent` one that remembers nothing."""
        return Hear(
            self.database,
            clock=self.clock,
            record=self.recorder(),
            receive=self.receiver(),
            recent=recent or Recent(),
        )

    async def record(self, answers: list[Answer]) -> None:
        await self.hearer()(answers, [])

    async def says(self, message_id: int, word: str, err: str | None = None, part: int | None = None) -> None:
        """The carrier sends a receipt for each part of a message that it took, or for one part."""
        for upstream_id, sent in self.carrier.known[message_id]:
            if part is None or sent.part == part:
                await self.receive([self.receipt(upstream_id, sent, word, err)])

    def receipt(
        self, upstream_id: str, sent: Outgoing, word: str, err: str | None = None, trust: words.Trust = TRUST
    ) -> Receipt:
        claim = words.claim(word, err, intermediate=False, trust=trust)
        return Receipt(
            upstream_id=upstream_id,
            said=said(claim, word, err, submitted_at=None, done_at=None),
            recipient=sent.recipient,
            sender=sent.sender,
            raw=f"id:{upstream_id} stat:{word} err:{err}".encode(),
        )

    def incoming(self, receipts: Sequence[Receipt]) -> list[Incoming]:
        return [
            Incoming(one, self.clock.now(), [one.upstream_id] if one.upstream_id else []) for one in receipts
        ]

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        await self.hearer()([], self.incoming(receipts))

    async def deliver_all(self) -> None:
        """Hand over all that is due and let every message of it be delivered."""
        before = set(self.carrier.known)
        await self.dispatch()
        batch = [
            self.receipt(upstream_id, sent, "DELIVRD", "000")
            for message_id in self.carrier.known.keys() - before
            for upstream_id, sent in self.carrier.known[message_id]
        ]
        if batch:
            await self.receive(batch)

    def close_flow(self) -> Close:
        return Close(self.database, clock=self.clock, waits=WAITS)

    async def sweep(self) -> int:
        """Everything whose deadline has passed."""
        return await self.close_flow().sweep()

    async def message(self, message_id: int) -> Message:
        found = await self.gateway.message(self.account_id, message_id)
        assert found is not None
        return found

    async def replayed(self, message_id: int) -> Delivery:
        """What folding the message's evidence from the start gives."""
        log = await self.gateway.timeline(self.account_id, message_id)
        return replay(log, account_id=self.account_id, message_id=message_id)


@asynccontextmanager
async def open_world(url: str) -> AsyncIterator[World]:
    """The world on a migrated database."""
    clock = FakeClock()
    database = PostgresDatabase(url, pool_size=4)
    await database.open()
    world = World(database, url, clock)
    world._connection = await database.connect()
    try:
        world.courier_id = await become_courier(world._connection)
        world.connector_id = await world.admin.add_connector(
            "carrier", "smpp", {"receipt_class": "handset"}, simulator=True
        )
        await world.admin.add_route(world.connector_id)
        world.customer = await world.account("acme")
        await world.reopen()
        world.http = world.on_http()
        async with world.http:
            yield world
        await world.gateway.close()
    finally:
        await world._connection.close()
        await asyncio.wait_for(database.close(), timeout=10)


async def _always() -> bool:
    return True


def saying(receipt: Receipt, **otherwise: object) -> Receipt:
    """A receipt that says something else."""
    return structs.replace(receipt, said=structs.replace(receipt.said, **otherwise))
