"""Whatever is posted or asked, the answer is one of v1's, and a refused request changes nothing."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from v1_customer import check

one_world = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = {
    "msisdn": st.integers(10**10, 10**15) | st.text("0123456789+ ", max_size=16) | junk,
    "reference": st.text("abz09_-\0/", max_size=3) | junk,
    "originator": st.just("BSG") | junk,
    "body": st.text(max_size=400) | junk,
}
row = st.fixed_dictionaries({}, optional=members)
request = st.fixed_dictionaries(
    {"destination": st.sampled_from(["phone", "phones", "individual", "otp"]) | junk},
    optional={
        **members,
        "phones": st.lists(row | junk, max_size=4) | junk,
        "validity": st.integers(0, 73) | junk,
        "tariff": st.integers(-1, 2) | junk,
        "scheduledDatetime": st.datetimes().map(lambda moment: moment.isoformat() + "Z") | junk,
        "callback_url": st.text(max_size=30).map("https://".__add__) | junk,
        "2way": junk,
        "data_coding_ucs2": st.booleans() | junk,
    },
)


async def changes(world):
    """What a refused request must not touch."""
    counts = "select (select count(*) from message), (select count(*) from task), (select count(*) from external_key)"
    return [*await world.sql.fetchrow(counts), await world.sql.fetch("select * from account order by id")]


@one_world
@given(
    body=st.binary(max_size=200) | junk.map(json.dumps).map(str.encode),
    content_type=st.sampled_from(
        ["application/json", "text/json", "multipart/form-data", "multipart/form-data; boundary=x", ""]
    ),
)
async def test_junk_is_a_documented_error_and_changes_nothing(world, customer, body, content_type):
    before = await changes(world)
    answer = await customer.raw("POST", "/rest/sms/create", body, Content_Type=content_type)
    assert answer.json() == {"error": 24, "errorDescription": "Invalid request payload"}
    assert await changes(world) == before


@one_world
@given(payload=request)
async def test_any_values_are_taken_or_refused_row_by_row(world, customer, payload):
    before = await changes(world)
    answer = (await customer.raw("PUT", "/rest/sms/create", json.dumps(payload).encode())).json()
    rows = answer.get("result", [])
    taken = [one for one in (rows if isinstance(rows, list) else [rows]) if one["error"] == 0]
    if not taken:
        assert await changes(world) == before
    for one in taken:
        assert (await customer.get(f"sms/{one['id']}"))["reference"] == one["reference"]


@one_world
@given(path=st.text(max_size=30), verb=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]))
async def test_any_path_below_the_prefixes_is_answered(world, customer, path, verb):
    before = await changes(world)
    for module in ("sms", "common", "sms/task", "sms/reference", "viber"):
        url = "/rest/" + module + "/" + "".join(f"%{octet:02X}" for octet in path.encode())
        answer = await world.http.request(verb, url, headers={"X-API-KEY": customer.key})
        assert answer.status_code == 200
        if verb != "HEAD":
            check(answer.json())
    assert await changes(world) == before
