"""Ten thousand messages in one request, while two readers drain the reports."""

from collections import Counter
from collections.abc import Iterator

import pytest
from customer import Customer, ordinary, reading
from plant import Plant

MANY = 10_000


@pytest.fixture
def customer(plant: Plant) -> Iterator[Customer]:
    with Customer(plant, "ten-thousand") as customer:
        yield customer


def test_each_of_ten_thousand_is_delivered_counted_and_reported_once(plant: Plant, customer: Customer):
    numbers = ordinary(MANY)

    with reading(customer) as readers:
        answer = customer.v1_send_many(numbers)
        assert all(row["error"] == 0 for row in answer["result"])
        customer.wait_until_delivered(answer["task_id"], MANY)
        readers.wait_until_read(MANY)

    assert customer.counters(answer["task_id"]) == {
        **{"error": 0, "errorDescription": "No errors", "originator": "BSG", "body": "Hi", "validity": 72},
        **{"totalprice": 200, "currency": "EUR"},
        **{"sent": MANY, "delivered": MANY, "expired": 0, "undeliverable": 0, "unknown": 0},
    }
    assert all(readers.pulls), "both were served"
    assert readers.refusals == []
    handed = Counter(one.number for one in readers.received)
    assert set(handed) == set(numbers) and set(handed.values()) == {1}
    assert len({one.message_key for one in readers.received}) == MANY
    assert customer.pull(limit=1000) == []

    taken = Counter(int(one.took.destination.digits) for one in plant.smsc.truth().messages.values())
    assert {taken[number] for number in numbers} == {1}, "the carrier got each once"
    assert customer.v1("GET", "common/balance")["amount"] == "800"
    assert plant.broken_promises() == []
