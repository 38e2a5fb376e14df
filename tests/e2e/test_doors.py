"""Who may come in, and what strangers are told: the same as everybody who asks for nothing that exists."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from customer import Customer, number_at
from plant import Plant


class Two(NamedTuple):
    """Two customers of one gateway."""

    ours: Customer
    theirs: Customer


@pytest.fixture(scope="module")
def two(plant: Plant) -> Iterator[Two]:
    with Customer(plant, "ours") as ours, Customer(plant, "theirs") as theirs:
        yield Two(ours, theirs)


def test_a_revoked_key_and_its_tokens_are_refused_at_once(plant: Plant, two: Two):
    made = plant.cli("key", "create", two.ours.account.name)
    key = {"X-API-KEY": made["key"]}
    with httpx.Client(base_url=plant.served.url) as http:
        bearer = http.post("/api/auth/login", json={"api_key": made["key"]}).json()["bearer"]
        token = {"Authorization": f"Bearer {bearer}"}
        app = {"Authorization": f"App {made['key']}"}
        assert http.get("/api/messages", headers=token).status_code == 200
        assert http.get("/sms/1/reports", headers=app).status_code == 200
        assert http.get("/rest/common/balance", headers=key).json()["error"] == 0

        plant.cli("key", "revoke", two.ours.account.name, str(made["id"]))

        for verb, path in (
            ("GET", "/api/messages"),
            ("POST", "/api/auth/refresh"),
            ("GET", "/api/accounts/balance"),
        ):
            assert http.request(verb, path, headers=token).status_code == 401, path
        assert http.post("/api/auth/login", json={"api_key": made["key"]}).status_code == 401
        assert http.get("/sms/1/reports", headers=app).status_code == 401
        refused = http.get("/rest/common/balance", headers=key)
        assert (refused.status_code, refused.json()["error"]) == (200, 1)


def test_the_names_of_another_customer_name_nothing(two: Two):
    number = number_at(40, "0001")
    row = two.theirs.v1_send(number, reference="theirs-1")
    two.theirs.ends(row["id"])
    [item] = two.theirs.one_list(id=row["id"])
    sent = two.theirs.infobip_send(
        number_at(40, "0002"), destination={"messageId": "theirs-2"}, bulkId="theirs"
    )
    two.theirs.ends(two.theirs.v1("GET", "sms/theirs-2")["id"])
    nobody = 2**50

    ours = two.ours
    for theirs, nothing in (
        (row["id"], nobody),
        ("theirs-1", "nobody-1"),
        ("reference/theirs-1", "reference/nobody-1"),
        (item["campaign_id"], nobody),
        (f"task/{item['campaign_id']}", f"task/{nobody}"),
    ):
        assert _v1(ours, f"sms/{theirs}") == _v1(ours, f"sms/{nothing}"), theirs
    for name, theirs, nothing in (
        ("id", row["id"], nobody),
        ("campaign_id", item["campaign_id"], nobody),
        ("reference_id", "theirs-1", "nobody-1"),
    ):
        assert ours.one_list(**{name: theirs}) == ours.one_list(**{name: nothing}) == []
    campaign, none = f"campaigns/{item['campaign_id']}", f"campaigns/{nobody}"
    assert ours.one("GET", campaign, status=404) == ours.one("GET", none, status=404)
    assert ours.pull(messageId="theirs-2") == ours.pull(bulkId="theirs") == ours.pull() == []
    assert two.theirs.report(messageId="theirs-2")["bulkId"] == sent["bulkId"], "it was there all the time"


def _v1(customer: Customer, path: str) -> Any:
    answer = customer.http.get(f"/rest/{path}", headers={"X-API-KEY": customer.key})
    return answer.status_code, answer.content


def test_the_same_names_are_free_to_every_customer(two: Two):
    for customer in two:
        row = customer.v1_send(number_at(41, "0001"), reference="same-name")
        assert customer.ends(row["id"]) == "delivered"
    ids = {customer.v1("GET", "sms/same-name")["id"] for customer in two}
    assert len(ids) == 2


def test_a_test_key_goes_the_same_way_and_costs_nothing(plant: Plant, two: Two):
    before = two.ours.v1("GET", "common/balance")["amount"]
    test = {"X-API-KEY": two.ours.account.test_key}
    number = number_at(42, "0001")
    body = {"destination": "phone", "msisdn": str(number), "originator": "BSG", "body": "Hi"}
    with httpx.Client(base_url=plant.served.url, headers=test) as http:
        row = http.post("/rest/sms/create", json=body).json()["result"]

    assert row["error"] == 0
    assert two.ours.ends(row["id"]) == "delivered"
    assert len(plant.smsc.truth().to(str(number))) == 1
    assert two.ours.v1("GET", "common/balance")["amount"] == before
