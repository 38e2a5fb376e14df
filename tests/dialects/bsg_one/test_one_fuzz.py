"""Whatever is asked, the answer is a success or a documented refusal: never a fault of ours."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_client_rules import check_campaign, check_message_list, check_problem
from one_customer import FIRST, SEND

LOGIN = "/api/auth/login"
one_world = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
phone = st.integers(FIRST, FIRST + 5) | st.integers() | st.text(max_size=16) | junk
reference = st.none() | st.text("abc-\0", max_size=3) | junk
phones = st.lists(
    st.fixed_dictionaries({"number": phone}, optional={"reference_id": reference}), max_size=4
) | st.lists(st.fixed_dictionaries({"number": st.integers(FIRST, FIRST + 99)}), min_size=1, max_size=4)
sends = st.fixed_dictionaries(
    {
        "phones": phones | junk,
        "sender": st.just("BSG") | st.text(max_size=12) | junk,
        "text": st.text() | junk,
    },
    optional={
        "tariff_code": st.none() | st.integers(0, 9) | junk,
        "validity": st.integers(0, 73) | junk,
        "validity_seconds": st.integers(29, 86_401) | junk,
        "start_at": st.datetimes().map(str) | st.text("0123456789-: TZ+.", max_size=25) | junk,
        "transliterate": st.booleans() | junk,
        "short_links": st.lists(junk, max_size=2) | junk,
        "callback_url": st.text(max_size=101).map("https://".__add__) | junk,
    },
)
names = st.sampled_from(["page[limit]", "page[offset]", "sort", "way", "filter[id]", "filter[campaign_id]"])
names |= st.sampled_from(["filter[reference_id]", "filter[from]", "filter[to]", "filter", "page[]"])
values = (
    st.integers().map(str)
    | st.text(max_size=30)
    | st.datetimes().map(str)
    | st.sampled_from(["desc", "phone"])
)
queries = st.lists(st.tuples(names, values), max_size=5)


async def judged(customer, verb, path, **kwargs):
    """The answer's body; a refusal is held to the documented shapes."""
    answer = await customer.world.http.request(verb, path, headers=customer.headers, **kwargs)
    assert answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/json"
    if answer.status_code != 200:
        check_problem(answer.status_code, answer.json())
        return None
    return answer.json()


@one_world
@given(body=sends)
async def test_any_send_is_taken_or_refused(customer, body):
    taken = await judged(customer, "POST", SEND, content=json.dumps(body).encode())
    if taken is not None:
        check_campaign(taken)
        listed = await judged(customer, "GET", f"/api/messages?filter[campaign_id]={taken['data']['id']}")
        check_message_list(listed)
        assert len(listed["data"]) == len(body["phones"])


@one_world
@given(
    body=junk.map(json.dumps).map(str.encode) | st.binary(max_size=50), path=st.sampled_from([SEND, LOGIN])
)
async def test_any_body_is_taken_or_refused(customer, body, path):
    await judged(customer, "POST", path, content=body)


@one_world
@given(query=queries)
async def test_any_query_is_answered_or_refused(customer, query):
    listed = await judged(customer, "GET", "/api/messages", params=query)
    if listed is not None:
        check_message_list(listed)


@one_world
@given(query=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=60))
async def test_any_query_string_is_answered_or_refused(customer, query):
    await judged(customer, "GET", f"/api/messages?{query}")


@one_world
@given(header=st.binary(max_size=60))
async def test_any_authorization_is_at_worst_refused(world, header):
    answer = await world.http.get("/api/messages", headers={b"Authorization": b"Bearer " + header})
    assert answer.status_code == 401
    assert answer.json()["code"] == 401
