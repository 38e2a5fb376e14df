"""One story, dying at the first point reached, then at the second, then at the third, until it runs through."""

from collections import Counter

import pytest
from lives import Life
from world import open_world

from tidings.flows.points import Point

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

NOT_IN_THIS_STORY = {Point.SETTLE_WRITTEN, Point.SETTLE_COMMITTED}


async def story(life: Life) -> None:
    """A day with everything in it, each step repeated by the outside world until it is answered."""
    world = life.world

    async def until_done(step) -> None:
        while not await life.run(step):
            await life.holds()

    await until_done(lambda: life.send("a"))
    await until_done(lambda: life.send("b", parts=2))
    await until_done(life.dispatch)
    life.says(0, "DELIVRD") if life.carrier.taken else None
    await until_done(life.deliver)
    life.carrier.mood = "silent"
    await until_done(lambda: life.send("c"))
    await until_done(life.dispatch)
    life.says(len(life.carrier.taken) - 1, "EXPIRED")
    await until_done(life.deliver)
    await until_done(life.retry_orphans)
    await until_done(lambda: life.send("d"))
    await until_done(life.dispatch)
    world.clock.advance(61)
    await until_done(life.sweep)
    life.carrier.mood = "take"
    await until_done(life.dispatch)
    await until_done(life.pull)
    await until_done(lambda: life.send("f"))
    await life.vanish()
    await until_done(life.recover)
    await until_done(lambda: life.send("e"))
    world.clock.advance(3601)
    await until_done(life.sweep)
    world.clock.advance(86_400)
    await until_done(life.sweep)
    await until_done(life.pull)


async def test_dying_at_any_point_breaks_no_promise(databases):
    died: Counter[Point] = Counter()
    reached: Counter[Point] = Counter()
    for death in range(200):
        async with databases() as url, open_world(url) as world:
            life = Life(world)
            life.deaths.countdown = death
            await story(life)
            await life.everything_ends()
            died += life.deaths.died
            reached += life.deaths.reached
            ran_through = not life.deaths.died
        if ran_through:
            break
    else:
        raise AssertionError("the story never runs through")
    missed = set(Point) - set(died) - NOT_IN_THIS_STORY
    assert not missed, f"no death at {sorted(missed)}"
