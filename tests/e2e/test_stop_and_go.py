"""SIGTERM in the middle of traffic: everything that can be finished is, nothing is left in doubt, and it goes on."""

import time
from pathlib import Path

from customer import Customer, ordinary, reading
from plant import running

from tidings.domain.evidence import Kind

MANY = 1_500
STOPPED_WHEN_DELIVERED = (200, 800)
STOPS_WITHIN_S = 20.0
SLOW = ("--response-delay", "0.3", "--receipt-delay", "0.1")  # so that there is always something on its way


def test_a_stop_drains_what_is_on_its_way_and_a_start_goes_on(directory: Path):
    with running(directory, sim=SLOW) as plant, Customer(plant, "commuter") as customer:
        numbers = ordinary(MANY)
        with reading(customer) as readers:
            task_id = customer.v1_send_many(numbers)["task_id"]
            for delivered in STOPPED_WHEN_DELIVERED:
                customer.wait_until_delivered(task_id, delivered)
                asked = time.monotonic()
                plant.served.ask_to_stop()
                assert plant.served.ended() == 0
                assert time.monotonic() - asked < STOPS_WITHIN_S
                plant.served.start()
            customer.wait_until_delivered(task_id, MANY)
            readers.wait_until_read(MANY)

        handed = [one.number for one in readers.received]
        assert sorted(handed) == numbers, "an orderly stop loses no answer: each report was read once"
        taken = [int(one.took.destination.digits) for one in plant.smsc.truth().messages.values()]
        assert sorted(taken) == numbers, "the carrier got each once"
        doubted = {Kind.DOUBT, Kind.RESENT, Kind.HELD}
        assert [one for one in plant.evidence() if one.evidence.kind in doubted] == []
        assert plant.sql("select message_id from in_flight") == []
        assert plant.broken_promises() == []
