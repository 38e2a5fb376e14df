"""Grouping callers: how many batches are under way, and that everybody is answered."""

import asyncio

import pytest

from tidings.domain.errors import Unavailable
from tidings.flows.batcher import LEAST_SHARE, Batcher, SharingBatcher


class Desk:
    """Answers a batch once it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.under_way = self.most_under_way = 0

    async def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.may_answer.wait()
        self.under_way -= 1
        return [item * 10 for item in items]


async def ask_in_turns(batcher: Batcher[int, int], turns: int) -> list[asyncio.Task[int]]:
    """Two questions a turn of the loop; batches leave between the turns."""
    asked = []
    for turn in range(turns):
        asked += [asyncio.create_task(batcher.put(2 * turn + one)) for one in range(2)]
        for _ in range(3):
            await asyncio.sleep(0)
    return asked


async def test_what_comes_in_one_turn_is_one_batch_and_the_rest_waits_for_a_lane():
    desk = Desk()
    asked = await ask_in_turns(Batcher(desk, lanes=2), 4)
    assert desk.batches == [[0, 1], [2, 3]]
    desk.may_answer.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*asked) == [item * 10 for item in range(8)]
    assert desk.batches == [[0, 1], [2, 3], [4, 5, 6, 7]]
    assert desk.most_under_way == 2


async def test_with_one_lane_a_batch_waits_for_the_one_before():
    desk = Desk()
    asked = await ask_in_turns(Batcher(desk), 3)
    assert desk.batches == [[0, 1]]
    desk.may_answer.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*asked)
    assert desk.batches == [[0, 1], [2, 3, 4, 5]]


async def test_the_next_batch_begins_before_the_answers_of_the_last_are_told():
    desk, seen = Desk(), []
    batcher = Batcher(desk)
    batcher.tell(1, lambda answer: seen.append((answer, len(desk.batches))))
    await asyncio.sleep(0)
    batcher.tell(2, lambda answer: seen.append((answer, len(desk.batches))))
    desk.may_answer.set()
    async with asyncio.timeout(5):
        await batcher.close()
    assert desk.batches == [[1], [2]]
    assert seen == [(10, 2), (20, 2)]


async def test_closing_finishes_what_waits_in_every_lane():
    desk = Desk()
    batcher = Batcher(desk, lanes=2)
    asked = await ask_in_turns(batcher, 3)
    desk.may_answer.set()
    async with asyncio.timeout(5):
        await batcher.close()
    assert all(one.done() for one in asked)


async def test_what_no_batch_takes_in_time_is_told_so_and_the_batch_under_way_is_not():
    desk = Desk()
    batcher = Batcher(desk, patience_s=0.02)
    asked = await ask_in_turns(batcher, 2)
    assert desk.batches == [[0, 1]]
    async with asyncio.timeout(5):
        for late in asked[2:]:
            with pytest.raises(Unavailable):
                await late
    desk.may_answer.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*asked[:2]) == [0, 10]
        assert await batcher.put(7) == 70
        await batcher.close()


async def test_batches_that_are_kept_apart_gather_what_comes_meanwhile():
    desk = Desk()
    desk.may_answer.set()
    batcher = Batcher(desk, apart_s=0.05)
    async with asyncio.timeout(5):
        asked = await ask_in_turns(batcher, 4)
        assert await asyncio.gather(*asked) == [item * 10 for item in range(8)]
    assert desk.batches == [[0, 1], [2, 3, 4, 5, 6, 7]]


async def begun(desk: Desk, batcher: Batcher[int, int], *asked: int) -> list[int]:
    """How many each batch has taken, after so many were asked in turns of their own."""
    for count in asked:
        for _ in range(count):
            batcher.tell(1, lambda _: None)
        for _ in range(3):
            await asyncio.sleep(0)
    return [len(batch) for batch in desk.batches]


async def finish(desk: Desk, batcher: Batcher[int, int]) -> list[int]:
    desk.may_answer.set()
    async with asyncio.timeout(5):
        await batcher.close()
    return [len(batch) for batch in desk.batches]


async def test_lanes_that_share_evenly_take_half_each_of_what_comes_at_once():
    desk = Desk()
    batcher = SharingBatcher(desk, lanes=2)
    assert await begun(desk, batcher, 64) == [32, 32]
    assert await finish(desk, batcher) == [32, 32]


async def test_lanes_that_share_evenly_begin_beside_another_once_nearly_as_much_waits():
    desk = Desk()
    batcher = SharingBatcher(desk, lanes=2)
    assert await begun(desk, batcher, 8, 3, 2) == [8]
    assert await begun(desk, batcher, 1, 1) == [8, 6]
    assert await finish(desk, batcher) == [8, 6, 1]


async def test_lanes_that_share_evenly_leave_little_undivided():
    desk = Desk()
    batcher = SharingBatcher(desk, lanes=2)
    assert await begun(desk, batcher, LEAST_SHARE) == [LEAST_SHARE]
    assert await finish(desk, batcher) == [LEAST_SHARE]


async def test_a_share_counts_those_who_were_just_answered():
    desk = Desk()
    batcher = SharingBatcher(desk, lanes=2)
    desk.may_answer.set()
    await begun(desk, batcher, 40)
    desk.may_answer.clear()
    assert await begun(desk, batcher, 20) == [20, 20, 20]
    assert await finish(desk, batcher) == [20, 20, 20]


async def test_one_alone_waits_for_nothing_and_two_go_beside_each_other():
    desk = Desk()
    batcher = SharingBatcher(desk, lanes=2)
    assert await begun(desk, batcher, 1, 1, 1) == [1, 1]
    assert await finish(desk, batcher) == [1, 1, 1]


async def test_who_waits_in_no_task_hears_of_it_in_the_turn_in_which_the_batch_ends():
    desk, heard = Desk(), []
    batcher = Batcher(desk)
    batcher.tell(1, heard.append)
    asked = asyncio.create_task(batcher.put(2))
    desk.may_answer.set()
    async with asyncio.timeout(5):
        assert await asked == 20
    assert heard == [10]


async def test_who_waits_in_no_task_hears_why_there_is_no_answer():
    async def only_even(items):
        if any(item % 2 for item in items):
            raise ValueError(items)
        return items

    heard = []
    batcher = Batcher(only_even)
    batcher.tell(1, heard.append)
    batcher.tell(2, heard.append)
    async with asyncio.timeout(5):
        assert await batcher.put(4) == 4
    assert [str(one) for one in heard] == ["[1]", "2"]
    await batcher.close()
    with pytest.raises(Unavailable):
        batcher.tell(6, heard.append)


async def test_who_waits_in_no_task_is_told_when_the_process_ends():
    desk, heard = Desk(), []
    batcher = Batcher(desk)
    batcher.tell(1, heard.append)
    await asyncio.sleep(0)
    [worker] = batcher._workers
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert [type(one) for one in heard] == [asyncio.CancelledError]


async def test_who_waits_in_no_task_is_told_that_nobody_came_in_time():
    desk, heard = Desk(), asyncio.get_running_loop().create_future()
    batcher = Batcher(desk, patience_s=0.01)
    asked = asyncio.create_task(batcher.put(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    batcher.tell(2, heard.set_result)
    async with asyncio.timeout(5):
        assert isinstance(await heard, Unavailable)
    desk.may_answer.set()
    await asked
