"""Lives that the machine found, each of which once broke a promise. Told as it told them."""

from collections import Counter

import pytest
from stage import Stage
from test_machine import Machine

from tidings.domain.order import TrafficClass
from tidings.domain.settlement import Plan
from tidings.flows.points import Point

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TAKEN = {"plan": Plan.ACCEPTED, "parts": 9, "to": "380970000001", "long": False, "moods": ["take", "take"]}


@pytest.fixture
def machine(new_database):
    """A life whose steps the test chooses; in the end everything must hold."""
    Machine.died, Machine.wanted = Counter(), None
    with Stage(new_database) as Machine.stage:
        life = Machine()
        yield life
        life.teardown()


def test_a_receipt_for_the_first_copy_does_not_end_the_second_in_the_queue(machine):
    machine.begin(**TAKEN, answered=False)
    machine.receipts(die=None, most=0, newest_first=False, which=0, who=0, words=["EXPIRED", "UNKNOWN"])
    machine.time_goes_by(die=None, seconds=2)
    machine.time_goes_by(die=Point.DECIDE_WRITTEN, seconds=2)
    machine.receipts(die=None, most=1, newest_first=False, which=0, who=0, words=[])
    machine.answer(die=None, fenced=False, most=1, newest_first=False, who=1)
    machine.time_goes_by(die=None, seconds=16)


def test_an_answer_after_the_receipt_deadline_is_not_passed_by(machine):
    machine.begin(**TAKEN, answered=False)
    machine.time_goes_by(die=Point.SETTLE_WRITTEN, seconds=601)
    machine.time_goes_by(die=None, seconds=61)
    machine.receipts(die=None, most=3, newest_first=True, which=24, who=0, words=["BOGUS", "UNKNOWN"])
    machine.answer(die=None, fenced=False, most=3, newest_first=True, who=1)
    machine.time_goes_by(die=None, seconds=601)
    machine.time_goes_by(die=Point.RECOVER_COMMITTED, seconds=90001)
    machine.answer(die=None, fenced=False, most=1, newest_first=True, who=0)


def test_a_part_that_went_on_to_another_route_is_not_sent_on_the_first_again(machine):
    machine.begin(**TAKEN | {"long": True, "moods": ["refuse_sender", "take"]}, answered=False)
    machine.answer(die=None, fenced=False, most=1, newest_first=False, who=0)
    machine.hand_over(who=0, connector=1, mood="take", room=1, answered=False, die=None)


def test_a_receipt_without_a_date_that_an_old_doubt_waits_for_is_not_given_to_a_new_one(machine):
    machine.begin(**TAKEN | {"parts": 3}, answered=False)
    machine.time_goes_by(die=None, seconds=90001)
    machine.send(die=None, parts=1, several=False, to="380970000001", traffic_class=TrafficClass.OTP, which=1)
    machine.hand_over(answered=False, connector=0, die=None, mood="take", room=1, who=0)
    machine.receipts(die=None, most=0, newest_first=False, which=0, who=0, words=["DELIVRD"])
