"""One story, dying at the first point reached, then at the second, then at the third, until it runs through."""

from collections import Counter

import pytest
from lives import Life
from stage import Stage

from tidings.flows.points import Point

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def story(life: Life) -> None:
    """A day with everything in it, each step repeated by the outside world until it is answered."""
    world = life.world

    async def until_done(step) -> None:
        while not await life.run(step):
            await life.promises_hold()

    await until_done(lambda: life.send("a"))
    await until_done(lambda: life.send("b", "b2", parts=2))
    await until_done(life.dispatch)
    for which, word in ((0, "DELIVRD"), (1, "UNDELIV")):
        if which < len(life.carrier.taken):
            life.says(which, word)
    await until_done(life.deliver)
    life.carrier.mood = "silent"
    await until_done(lambda: life.send("c"))
    await until_done(life.dispatch)
    for word in ("EXPIRED", "DELIVRD"):
        life.says(len(life.carrier.taken) - 1, word)
        await until_done(life.deliver)
    await until_done(life.call_back)
    await until_done(life.retry_orphans)
    await until_done(lambda: life.send("d"))
    await until_done(life.dispatch)
    world.clock.advance(61)
    await until_done(life.sweep)
    life.carrier.mood = "take"
    await until_done(life.dispatch)
    world.clock.advance(600)
    await until_done(life.sweep)
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


def test_dying_at_any_point_breaks_no_promise(new_database):
    died: Counter[Point] = Counter()
    with Stage(new_database) as stage:
        for death in range(200):
            life = stage.wait(stage.new_life())
            life.deaths.countdown = death
            stage.wait(story(life))
            stage.wait(life.everything_ends())
            died += life.deaths.died
            if not life.deaths.died:
                break
        else:
            raise AssertionError("the story never runs through")
    missed = set(Point) - set(died)
    assert not missed, f"no death at {sorted(missed)}"
