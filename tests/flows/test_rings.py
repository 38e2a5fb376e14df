"""Who hands over is woken for all that was taken, and not once for each of it."""

import asyncio
import contextlib

import asyncpg
from test_main_job import send

from tidings.domain.errors import Unavailable
from tidings.flows.rings import Rings

AN_AGE_S = 3600.0


class Couriers:
    """Notes for whom it was rung."""

    def __init__(self):
        self.rung = []
        self.woken = asyncio.Event()
        self.lost = None  # set, it is rung until then, and in vain

    async def __call__(self, connectors):
        self.rung.append(set(connectors))
        self.woken.set()
        if self.lost is not None:
            await self.lost.wait()
            raise Unavailable("the database went away")

    async def wait(self):
        async with asyncio.timeout(10):
            await self.woken.wait()


def rung_by_itself(rings, connectors):
    with rings.around(connectors) as rung:
        return set(rung)


def fail(rings, connectors):
    with contextlib.suppress(Unavailable), rings.around(connectors):
        raise Unavailable("the database went away")


async def test_the_first_transaction_rings_itself_and_nobody_makes_up_for_it():
    rings = Rings(couriers := Couriers(), apart_s=AN_AGE_S)
    assert rung_by_itself(rings, {1, 2}) == {1, 2}
    await rings.close()
    assert couriers.rung == []


async def test_a_connector_that_was_rung_for_lately_is_rung_for_soon_after():
    rings = Rings(couriers := Couriers(), apart_s=0.001)
    while rung_by_itself(rings, {1}):  # until one is near enough to the one before
        pass
    await couriers.wait()
    assert couriers.rung[0] == {1}


async def test_only_the_connectors_that_were_rung_for_lately_wait():
    rings = Rings(couriers := Couriers(), apart_s=AN_AGE_S)
    assert rung_by_itself(rings, {1}) == {1}
    assert rung_by_itself(rings, {1, 2}) == {2}
    await rings.close()
    assert couriers.rung == [{1}]


async def test_one_that_failed_is_made_up_for_since_it_was_to_ring_for_others_too():
    rings = Rings(couriers := Couriers(), apart_s=AN_AGE_S)
    fail(rings, {1})
    await rings.close()
    assert couriers.rung == [{1}]


async def test_a_transaction_that_rings_does_so_for_those_before_it():
    rings = Rings(couriers := Couriers(), apart_s=0.0)
    fail(rings, {1})
    assert rung_by_itself(rings, {1}) == {1}
    await rings.close()
    assert couriers.rung == []


async def test_a_transaction_that_rings_does_not_do_so_for_those_beside_it():
    rings = Rings(couriers := Couriers(), apart_s=0.0)
    with rings.around({1}):
        fail(rings, {1})  # what is noted while this is under way may have been committed after it
    await rings.close()
    assert couriers.rung == [{1}]


async def test_what_is_owed_while_it_rings_is_rung_for_next_and_a_lost_database_ends_nothing():
    rings = Rings(couriers := Couriers(), apart_s=0.0)
    couriers.lost = asyncio.Event()
    fail(rings, {1})
    await couriers.wait()
    fail(rings, {2})
    couriers.lost.set()
    await rings.close()
    assert couriers.rung == [{1}, {2}]


class Loop:
    """A loop whose time is what is said, and which wakes nobody by itself."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def time(self):
        return self.now

    def call_at(self, when, callback):
        self.timers.append((when, callback))
        return self.timers[-1]

    def pass_to(self, when):
        self.now = when
        due, self.timers = self.timers, []
        for at, callback in due:
            if at <= when:
                callback()
            else:
                self.timers.append((at, callback))


async def test_nobody_is_made_up_for_soon_after_a_transaction_has_rung(monkeypatch):
    rings = Rings(couriers := Couriers(), apart_s=1.0)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    loop, rung = Loop(), []
    for now in (0.0, 0.5, 1.25, 1.375):
        loop.pass_to(now)
        rung.append(rung_by_itself(rings, {1}))
    assert rung == [{1}, set(), {1}, set()]
    loop.pass_to(1.5)
    assert [at for at, _ in loop.timers] == [2.75]
    monkeypatch.undo()
    assert couriers.rung == []
    loop.pass_to(2.75)
    await couriers.wait()
    assert couriers.rung == [{1}]


@contextlib.asynccontextmanager
async def listening(world):
    rung = asyncio.Event()
    connection = await asyncpg.connect(world.url)
    try:
        await connection.add_listener("tidings_outbox", lambda *_: rung.set())
        yield rung
    finally:
        await connection.close()


async def test_of_orders_in_a_row_the_last_one_is_rung_for_as_well(world):
    async with listening(world) as rung:
        for _ in range(5):
            rung.clear()
            await send(world, "380972000001")
            async with asyncio.timeout(10):
                await rung.wait()
