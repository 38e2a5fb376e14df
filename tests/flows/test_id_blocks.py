"""Ids are nobody else's, and as a rule nobody waits for them."""

import asyncio

import pytest

from tidings.domain.errors import Unavailable
from tidings.store.ids import BLOCK, LOW, IdBlocks


async def spare(blocks):
    """Return once the next block is there."""
    async with asyncio.timeout(10):
        await blocks._fetching


@pytest.fixture
async def blocks(world):
    made = IdBlocks(world.database)
    yield made
    await made.close()


async def test_the_next_block_is_there_before_it_is_needed(blocks):
    assert blocks.at_once(1) is None
    given = [await blocks.reserve(BLOCK - LOW + 1)]
    await spare(blocks)
    while (first := blocks.at_once(LOW // 2)) is not None and len(given) < 4:
        given.append(first)
    assert len(given) == 4 and len(set(given)) == 4


async def test_nobody_has_an_id_twice_however_many_ask(world, blocks):
    other = IdBlocks(world.database)
    sizes = [1, 2, 700, BLOCK, 3, BLOCK + 1, LOW, 1] * 3
    firsts = await asyncio.gather(*((blocks, other)[n % 2].reserve(size) for n, size in enumerate(sizes)))
    await other.close()
    given = [one for first, size in zip(firsts, sizes, strict=True) for one in range(first, first + size)]
    assert len(given) == len(set(given)) and min(given) > 0


async def test_a_block_that_could_not_be_fetched_is_fetched_by_who_needs_it(world, blocks, monkeypatch):
    await blocks.reserve(BLOCK - LOW)

    async def away():
        raise Unavailable("the database cannot be reached")

    with monkeypatch.context() as broken:
        broken.setattr(world.database, "connect", away)
        assert blocks.at_once(1) is not None
        await asyncio.sleep(0)
        while blocks.at_once(LOW // 3) is not None:
            pass
        with pytest.raises(Unavailable):
            await blocks.reserve(LOW)
    assert await blocks.reserve(LOW) > 0


async def test_ids_grow_also_around_an_order_that_is_larger_than_a_block(blocks):
    given = [await blocks.reserve(BLOCK - LOW + 1)]
    await asyncio.sleep(0)  # the next block is being fetched
    given.append(await blocks.reserve(BLOCK + 1))
    given.append(await blocks.reserve(1))
    given.append(await blocks.reserve(LOW))
    assert given == sorted(given)


async def test_a_block_that_was_overtaken_by_a_larger_one_is_not_used(blocks):
    given = [await blocks.reserve(BLOCK - LOW + 1)]
    await spare(blocks)
    given += [await blocks.reserve(size) for size in (BLOCK + 1, 1, LOW)]
    assert given == sorted(given)
