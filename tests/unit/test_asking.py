"""Questions that are told and not awaited: how they are grouped, and that everybody hears something."""

import asyncio

from tidings.flows.asking import Asking

VERSION = 7


class Desk:
    """Finds every number below 100, once it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.fault: BaseException | None = None

    async def __call__(self, items):
        self.batches.append(list(items))
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        return {item: item * 10 for item in items if item < 100}, VERSION


def words(found):
    return b"%d" % found


def ask(asking, item, heard, *, as_of=VERSION, said=words):
    return asking.ask(item, as_of=as_of, said=said, heard=lambda body: heard.append((item, body)))


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def until(so):
    async with asyncio.timeout(5):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_what_is_asked_while_two_statements_are_under_way_is_the_next():
    desk, heard = Desk(), []
    asking = Asking(desk)
    for item in range(8):
        assert ask(asking, item, heard)
        if item % 2:
            await turns()
    assert desk.batches == [[0, 1], [2, 3]]
    desk.may_answer.set()
    await until(lambda: len(heard) == 8)
    assert sorted(heard) == [(item, b"%d" % (item * 10)) for item in range(8)]
    assert desk.batches == [[0, 1], [2, 3], [4, 5, 6, 7]]
    ask(asking, 8, heard)
    await until(lambda: len(heard) == 9)
    assert heard[-1] == (8, b"80")


async def test_two_statements_share_what_there_is_and_whoever_is_back_at_once():
    desk, heard = Desk(), []
    asking = Asking(desk)
    for item in range(40):
        ask(asking, item, heard)
    await turns()
    assert list(map(len, desk.batches)) == [20, 20]
    for item in range(40, 54):
        ask(asking, item, heard)
    await turns()
    assert len(desk.batches) == 2, "both lanes are busy"
    desk.may_answer.set()
    await until(lambda: len(heard) == 54)
    # The first to end leaves the other's part of what there is, and that was too little to go by itself.
    assert list(map(len, desk.batches)) == [20, 20, 14]


async def test_the_next_statement_begins_before_the_answers_of_the_last_are_told():
    desk, heard, begun = Desk(), [], []
    asking = Asking(desk, lanes=1)
    asking.ask(0, as_of=VERSION, said=words, heard=lambda _: begun.append(len(desk.batches)))
    await turns()
    ask(asking, 1, heard)
    desk.may_answer.set()
    await until(lambda: heard)
    assert begun == [2]


async def test_a_statement_asks_for_no_more_than_it_may():
    desk, heard = Desk(), []
    asking = Asking(desk, lanes=1, most_at_once=2)
    for item in range(5):
        ask(asking, item, heard)
    desk.may_answer.set()
    await until(lambda: len(heard) == 5)
    assert desk.batches == [[0, 1], [2, 3], [4]]


async def test_what_is_unknown_or_seen_under_another_catalog_or_cannot_be_said_is_not_told():
    desk, heard = Desk(), []
    asking = Asking(desk)
    desk.may_answer.set()
    ask(asking, 100, heard)
    ask(asking, 1, heard, as_of=VERSION - 1)
    ask(asking, 2, heard, said=lambda found: found / 0)
    ask(asking, 3, heard)
    await until(lambda: len(heard) == 4)
    assert heard == [(100, None), (1, None), (2, None), (3, b"30")]


async def test_after_a_fault_everybody_hears_nothing_and_the_next_are_answered():
    desk, heard = Desk(), []
    asking = Asking(desk, lanes=1)
    desk.may_answer.set()
    desk.fault = ValueError("lost")
    ask(asking, 1, heard)
    ask(asking, 2, heard)
    await until(lambda: len(heard) == 2)
    desk.fault = None
    ask(asking, 3, heard)
    await until(lambda: len(heard) == 3)
    assert heard == [(1, None), (2, None), (3, b"30")]


async def test_a_version_that_is_not_known_confirms_nothing():
    heard = []

    async def find(items):
        return {item: item for item in items}, None

    ask(Asking(find), 1, heard)
    await until(lambda: heard)
    assert heard == [(1, None)]


async def test_an_end_in_the_middle_leaves_nobody_waiting():
    desk, heard = Desk(), []
    asking = Asking(desk)
    ask(asking, 1, heard)
    await turns()
    [worker] = asking._workers
    worker.cancel()
    await until(lambda: heard)
    assert heard == [(1, None)]


async def test_when_too_much_waits_nobody_will_be_told():
    desk, heard = Desk(), []
    asking = Asking(desk, lanes=1, most_waiting=2)
    ask(asking, 0, heard)
    await turns()
    assert [ask(asking, item, heard) for item in (1, 2, 3)] == [True, True, False]
    desk.may_answer.set()
    await until(lambda: len(heard) == 3)
    assert desk.batches == [[0], [1, 2]]


async def test_whoever_waits_for_too_long_hears_nothing_and_the_younger_wait_on():
    desk, heard = Desk(), []
    asking = Asking(desk, lanes=1, patience_s=0.02)
    ask(asking, 0, heard)
    await turns()
    ask(asking, 1, heard)
    await until(lambda: heard)
    assert heard == [(1, None)]
    asking._patience_s = 5
    ask(asking, 2, heard)
    asking._impatience.cancel()
    asking._give_up()  # it comes too early
    assert heard == [(1, None)]
    desk.may_answer.set()
    await until(lambda: len(heard) == 3)
    assert heard[1:] == [(0, b"0"), (2, b"20")]
    asking._give_up()
    assert len(heard) == 3
