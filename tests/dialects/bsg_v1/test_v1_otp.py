"""`destination: otp`: a code that only the one who asked is told."""

import random
import re

import pytest

from tidings.dialects.bsg_v1.otp import MAX_CHARACTERS, SETS, fill
from tidings.dialects.bsg_v1.words import Code, Problem


async def create(world, body, **more):
    asked = {"destination": "otp", "msisdn": "380972920000", "originator": "BSG", "body": body, **more}
    return (await world.http.post("/rest/sms/create", json=asked, headers={"X-API-KEY": world.key})).json()


async def test_the_code_in_the_text_is_the_one_in_the_answer(world):
    answer = await create(world, "Your code is {gen_otp_09,6}.")
    assert re.fullmatch("[0-9]{6}", answer["result"]["otp_code"])
    assert answer["otp_code"] == answer["result"]["otp_code"]
    await world.dispatch()
    assert world.carrier.submissions[0].text == f"Your code is {answer['otp_code']}."
    status = await world.http.get(f"/rest/sms/{answer['id']}", headers={"X-API-KEY": world.key})
    assert answer["otp_code"] not in status.text


async def test_a_lost_answer_sends_the_same_code_again_soon(world):
    await create(world, "Code {gen_otp_09,4}")
    world.carrier.mood = "silent"
    await world.dispatch()
    world.clock.advance(16)
    await world.sweep()
    world.carrier.mood = "take"
    await world.dispatch()
    first, second = (part.text for part in world.carrier.submissions)
    assert first == second


async def test_a_code_for_a_wrong_number_is_not_told(world):
    answer = await create(world, "{gen_otp_09,4}", msisdn="12")
    assert answer["error"] == 21 and "otp_code" not in answer and "otp_code" not in answer["result"]


@pytest.mark.parametrize("name", SETS)
def test_every_set_draws_only_its_own_characters(name):
    text, code = fill(f"a {{gen_otp_{name}, 9}} b", random.Random(7).choice)
    assert text == f"a {code} b" and len(code) == 9 and set(code) <= set(SETS[name])


@pytest.mark.parametrize(
    "body",
    ["", "1234", "{gen_otp_09}", "{gen_otp_xx,4}", "{gen_otp_09,0}", f"{{gen_otp_09,{MAX_CHARACTERS + 1}}}"],
)
def test_without_a_valid_pattern_it_is_a_bad_otp(body):
    with pytest.raises(Problem) as refused:
        fill(body, random.Random(7).choice)
    assert refused.value.code is Code.BAD_OTP
