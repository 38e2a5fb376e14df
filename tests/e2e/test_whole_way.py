"""A message's whole way through real processes: from the request over the carrier to what each vocabulary says."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import pytest
from customer import SHORTEST_VALIDITY_S, SILENT, Customer, number_at
from plant import Plant, until

from tidings.connectors.sandbox.truth import Message

BLOCKS = {"v1": 1, "one": 2, "infobip": 3}
"""Which numbers are sent to through which dialect."""


class Words(NamedTuple):
    """Where a message stands; of Infobip: the ids of status, its group, and error."""

    v1: str
    one: str
    infobip: tuple[int, int, int]


DELIVERED = Words("delivered", "delivered", (5, 3, 0))
ENDS = {
    "0001": DELIVERED,
    "9903": DELIVERED,  # late
    "9904": DELIVERED,  # its receipt comes twice
    "9905": DELIVERED,  # then contradicted
    "9906": Words("undeliverable", "undelivered", (9, 2, 1)),
    "9907": Words("expired", "expired", (15, 4, 4098)),
    "9908": Words("rejected", "failed", (4, 2, 632)),
    "9909": DELIVERED,  # its receipt outruns the answer
}
"""What becomes of a message, by the last four digits of its number."""


@dataclass
class Sent:
    """A customer's messages, one of each outcome through each dialect."""

    customer: Customer
    ids: dict[tuple[str, str], int]  # by dialect and last digits

    def words(self, dialect: str, tail: str) -> Words:
        """What is said of one in the end."""
        return said(self.customer, self.ids[dialect, tail], number_at(BLOCKS[dialect], tail))


def said(customer: Customer, message_id: int, number: int, *, within_s: float = 20) -> Words:
    """What is said of a message in the end, with the one report there is."""
    v1 = customer.ends(message_id, within_s=within_s)
    [item] = customer.one_list(id=message_id)
    [report] = customer.reports_to(number)
    status, error = report["status"], report["error"]
    return Words(v1, item["status"], (status["id"], status["groupId"], error["id"]))


@pytest.fixture(scope="module")
def customer(plant: Plant) -> Iterator[Customer]:
    """The one customer of these tests; each has its own numbers."""
    with Customer(plant, "whole-way") as customer:
        yield customer


@pytest.fixture(scope="module")
def sent(customer: Customer) -> Sent:
    for tail in (SILENT, *ENDS):
        customer.v1_send(number_at(BLOCKS["v1"], tail))
        customer.one_send(number_at(BLOCKS["one"], tail))
        customer.infobip_send(number_at(BLOCKS["infobip"], tail))
    dialects = {number_at(block, "0000") // 10_000: dialect for dialect, block in BLOCKS.items()}
    rows = customer.one_list()
    ids = {(dialects[row["phone"] // 10_000], str(row["phone"])[-4:]): row["id"] for row in rows}
    return Sent(customer, ids)


@pytest.mark.parametrize("dialect", BLOCKS)
@pytest.mark.parametrize("tail", ENDS)
def test_a_message_ends_as_the_carrier_says_in_every_vocabulary(sent: Sent, tail: str, dialect: str):
    assert sent.words(dialect, tail) == ENDS[tail]


def test_receipts_that_repeat_and_contradict_change_nothing_that_was_said(sent: Sent, plant: Plant):
    numbers = {str(number_at(block, tail)) for block in BLOCKS.values() for tail in ("9904", "9905")}

    def told() -> bool:
        taken = plant.smsc.truth().messages.values()
        return all(one.settled for one in taken if one.took.destination.digits in numbers)

    until(told, within_s=20, what="the carrier has told everything and was heard")
    for dialect in BLOCKS:
        for tail in ("9904", "9905"):
            assert sent.words(dialect, tail) == DELIVERED  # with one report


def test_what_the_carrier_delivered_is_what_is_delivered(sent: Sent, plant: Plant):
    truth = plant.smsc.truth()
    for dialect, block in BLOCKS.items():
        for tail, words in ENDS.items():
            sent.words(dialect, tail)
            taken = truth.to(str(number_at(block, tail)))
            assert [one.took.end.stat == "DELIVRD" for one in taken] == (
                [words == DELIVERED] * (tail != "9908")
            )


# --- What is written


def digests(text: str, size: int, encoding: str) -> list[str]:
    """The digests that the simulated SMSC writes down of a text's parts."""
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return [blake2b(part.encode(encoding), digest_size=8).hexdigest() for part in parts]


def taken_of(plant: Plant, number: int) -> list[Message]:
    """The parts that the carrier took, in order."""
    return sorted(plant.smsc.truth().to(str(number)), key=lambda one: one.took.part.number)


@pytest.mark.parametrize(
    ("block", "text", "size", "encoding"),
    [(7, "It is a long way to go. " * 17, 153, "ascii"), (8, "Далека дорога. " * 10, 67, "utf-16-be")],
    ids=["gsm", "ucs2"],
)
def test_a_long_text_reaches_the_carrier_whole_in_parts(
    customer: Customer, plant: Plant, block: int, text: str, size: int, encoding: str
):
    number = number_at(block, "0001")
    row = customer.v1_send(number, text)
    assert row["price"] == 0.06

    assert customer.ends(row["id"]) == "delivered"

    taken = taken_of(plant, number)
    parts = [one.took.part for one in taken]
    assert [(part.number, part.total) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert len({part.reference for part in parts}) == 1
    assert [one.took.digest for one in taken] == digests(text, size, encoding)
    [item] = customer.one_list(id=row["id"])
    assert (item["parts"], item["text"], item["amount"]["value"]) == (3, text, "0.0600000")
    [report] = customer.reports_to(number)
    assert (report["smsCount"], report["price"]["pricePerMessage"]) == (3, 0.02)


# --- One message, three vocabularies


def test_what_is_sent_by_bsg_v1_has_its_names_in_the_others(customer: Customer):
    numbers = [number_at(4, "0001"), number_at(4, "0002")]
    answer = customer.v1_send_many(numbers)
    row = answer["result"][0]
    customer.ends(row["id"])

    items = customer.one_list(campaign_id=answer["task_id"])
    [item] = customer.one_list(reference_id=row["reference"])
    assert [str(one["id"]) for one in items] == [row["id"] for row in answer["result"]]
    assert item == items[0] and item["reference_id"] == row["reference"] and item["phone"] == numbers[0]
    campaign = customer.one("GET", f"campaigns/{answer['task_id']}")["data"]
    assert (str(campaign["id"]), campaign["sender"]) == (answer["task_id"], "BSG")

    customer.ends(answer["result"][1]["id"])
    [[first], [second]] = map(customer.reports_to, numbers)
    assert first["bulkId"] == second["bulkId"], "a task is a bulk"
    assert first["messageId"] != second["messageId"]


def test_what_is_sent_by_the_one_api_has_its_names_in_the_others(customer: Customer):
    campaign = customer.one_send(number_at(5, "0001"), reference="Order17")

    customer.ends(customer.v1("GET", "sms/reference/Order17")["id"])
    status = customer.v1("GET", "sms/reference/Order17")
    assert (status["reference"], status["msisdn"]) == ("Order17", str(number_at(5, "0001")))
    assert customer.counters(campaign["id"])["delivered"] == 1
    [item] = customer.one_list(id=status["id"])
    assert (item["campaign_id"], item["reference_id"]) == (campaign["id"], "Order17")
    assert len(customer.reports_to(number_at(5, "0001"))) == 1
    refused = customer.one("POST", "campaigns/sms/send", status=422, json=_campaign(5, "Order17"))
    assert refused["errors"], "a reference names one message of an account, in whichever vocabulary"
    again = customer.v1("POST", "sms/create", _phone(5, "Order17"))
    assert (again["error"], again["result"]["error"]) == (23, 23)


def test_what_is_sent_by_infobip_has_its_names_in_the_others(customer: Customer):
    first = customer.infobip_send(
        number_at(6, "0001"), destination={"messageId": "Order-18_a"}, bulkId="Monday's"
    )
    second = customer.infobip_send(number_at(6, "0002"), destination={"messageId": "Order 18/b"})
    assert (first["messageId"], first["bulkId"], second["messageId"]) == (
        "Order-18_a",
        "Monday's",
        "Order 18/b",
    )

    by_reference = customer.v1("GET", "sms/reference/Order-18_a")
    [item] = customer.one_list(id=by_reference["id"])
    assert (by_reference["reference"], item["reference_id"]) == ("Order-18_a", "Order-18_a")
    [other] = [one for one in customer.one_list() if one["phone"] == number_at(6, "0002")]
    assert customer.v1("GET", f"sms/{other['reference_id']}")["id"] == str(other["id"]), "a name of its own"

    assert customer.report(messageId="Order 18/b")["bulkId"] == second["bulkId"]
    assert customer.report(bulkId="Monday's")["messageId"] == "Order-18_a"
    assert customer.counters(item["campaign_id"])["delivered"] == 1


def _phone(block: int, reference: str) -> dict[str, str]:
    number = str(number_at(block, "0009"))
    return {
        "destination": "phone",
        "msisdn": number,
        "originator": "BSG",
        "body": "Hi",
        "reference": reference,
    }


def _campaign(block: int, reference: str) -> dict[str, Any]:
    phones = [{"number": number_at(block, "0009"), "reference_id": reference}]
    return {"phones": phones, "sender": "BSG", "text": "Hi"}


# --- Last, because it takes the longest


def test_silence_is_neither_success_nor_failure(sent: Sent, unheard_of: tuple[Customer, int]):
    assert sent.customer.status(sent.ids["v1", SILENT]) == "sent", "its validity is not over"
    assert sent.customer.reports_to(number_at(BLOCKS["v1"], SILENT)) == []

    customer, message_id = unheard_of
    words = said(customer, message_id, number_at(0, SILENT), within_s=SHORTEST_VALIDITY_S + 20)
    assert words == Words("unknown", "unknown", (29, 4, 0))
