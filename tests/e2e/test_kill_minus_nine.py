"""kill -9 of the whole gateway, PostgreSQL included, twice, in the middle of ten thousand messages.

The simulated SMSC lives on and keeps the truth; so do the customers, who keep what they were promised.
"""

import sys
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from customer import Customer, Handed, number_at, ordinary, reading
from plant import BULK_POLL_S, Plant, running, until

from tidings.domain.evidence import Kind
from tidings.domain.ids import seal

MANY = 10_000
KILLED_WHEN_DELIVERED = (2_000, 6_000)
SLOW = ("--response-delay", "0.1", "--receipt-delay", "0.2")  # so that there is always something on its way


class Writer(threading.Thread):
    """Sends one message after the other, each to a number of its own. What it got no answer for it does not send
    again, and does not know of."""

    def __init__(self, customer: Customer) -> None:
        super().__init__(daemon=True)
        self._url, self._key = customer.plant.served.url, customer.key
        self._over = threading.Event()
        self._broke: BaseException | None = None
        self.promised: set[int] = set()
        self.unsure: set[int] = set()

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self._url, headers={"X-API-KEY": self._key}, timeout=30) as http:
                tried = 0
                while not self._over.wait(0.02):
                    tried += self._send(http, number_at(500, "0000") + tried)
        except BaseException as error:
            self._broke = error

    def _send(self, http: httpx.Client, number: int) -> bool:
        """Whether anything was sent: a gateway that does not listen got nothing."""
        body = {"destination": "phone", "msisdn": str(number), "originator": "BSG", "body": "One"}
        try:
            answer = http.post("/rest/sms/create", json=body)
        except httpx.ConnectError:
            return False
        except httpx.TransportError:
            self.unsure.add(number)
            return True
        taken = answer.status_code == 200 and answer.json()["error"] == 0
        (self.promised if taken else self.unsure).add(number)
        return True

    def finish(self) -> None:
        self._over.set()
        self.join(60)
        assert not self.is_alive(), "the writer ends"
        if self._broke is not None:
            raise self._broke


class Outcome(NamedTuple):
    """What became of what was sent, as Jepsen sorts it."""

    ok: int
    lost: int  # promised, and not there, or the carrier never got it
    recovered: int  # nobody knew, and it is there
    unexpected: int  # there, or with the carrier, and nobody sent it
    duplicated: int  # the carrier got it twice and nobody says that it may have, or it got it more often
    uncertain: int  # we say that it may have arrived twice, or that we do not know

    def __str__(self) -> str:
        """The line that Jepsen prints."""
        return " · ".join(f"{name} {count}" for name, count in self._asdict().items())


def test_kill_minus_nine_of_everything_loses_nothing(directory: Path, capsys: pytest.CaptureFixture[str]):
    with running(directory, sim=SLOW) as plant, Customer(plant, "survivor") as customer:
        numbers, writer = ordinary(MANY), Writer(customer)
        with reading(customer) as readers:
            task_id = customer.v1_send_many(numbers)["task_id"]
            writer.start()
            for delivered in KILLED_WHEN_DELIVERED:
                customer.wait_until_delivered(task_id, delivered)
                assert plant.served.kill() > 5
                plant.served.start()
            customer.wait_until_delivered(task_id, MANY)
            writer.finish()
            _wait_until_over(plant)

        outcome = _sorted(plant, promised={*numbers, *writer.promised}, unsure=writer.unsure)
        unheard = _lost_on_the_wire(plant, readers.received)
        doubts = sum(one.evidence.kind is Kind.DOUBT for one in plant.evidence())
        with capsys.disabled():
            print(  # noqa: T201
                f"\n{outcome} (were in doubt: {doubts}; reports lost on the wire: {unheard})", file=sys.stderr
            )
        assert (outcome.lost, outcome.unexpected, outcome.duplicated) == (0, 0, 0), outcome
        assert doubts, "it happened in the middle"
        counters = customer.counters(task_id)
        assert (counters["sent"], counters["delivered"]) == (MANY, MANY)
        assert plant.broken_promises() == []


def _wait_until_over(plant: Plant) -> None:
    """Every message is at an end, every report is handed out, every receipt was heard."""

    def over() -> bool:
        [row] = plant.sql(
            "select (select count(*) from message)"
            " - (select count(*) from delivery where state >= 'delivered') as open,"
            " (select count(*) from report_due) as unread"
        )
        return not row["open"] and not row["unread"]

    def left() -> str:
        rows = plant.sql(
            "select id as message_id, coalesce(state::text, 'queued') as state from message m"
            " left join delivery d on d.message_id = m.id and d.account_id = m.account_id"
            " where done_at is null order by id limit 5"
        )
        still_open = {row["message_id"]: row["state"] for row in rows}
        told = [one[1:] for one in plant.evidence() if one.message_id in still_open]
        orphans = plant.sql("select upstream_keys, recipient, tries, receipt from orphan limit 5")
        unread = plant.sql("select count(*), min(owed_at) from report_due")
        return f"all is at an end and read; open: {still_open} {told}; orphans: {orphans}; unread: {unread}"

    until(over, within_s=60, what=left, every_s=BULK_POLL_S)
    until(
        lambda: not plant.smsc.truth().unsettled(),
        within_s=60,
        what="the carrier has told everything and was heard",
        every_s=BULK_POLL_S,
    )


def _sorted(plant: Plant, *, promised: set[int], unsure: set[int]) -> Outcome:
    rows = plant.sql(
        "select m.recipient, d.state::text, coalesce(d.flags, '{}') as flags"
        " from message m join delivery d on d.message_id = m.id and d.account_id = m.account_id"
    )
    there = {int(row["recipient"]): row for row in rows}
    taken = Counter(int(one.took.destination.digits) for one in plant.smsc.truth().messages.values())
    flagged = {number for number, row in there.items() if "possible_duplicate" in row["flags"]}
    unknown = {number for number, row in there.items() if row["state"] == "no_receipt"}
    twice = {number for number, times in taken.items() if times > 1}
    lost = {number for number in promised if number not in there or not taken[number]}
    asked = promised | unsure
    return Outcome(
        ok=len(promised - lost - flagged - unknown),
        lost=len(lost),
        recovered=len(unsure & set(there)),
        unexpected=len((set(there) | set(taken)) - asked) + len(rows) - len(there),
        duplicated=len(twice - flagged) + sum(times > 2 for times in taken.values()),
        uncertain=len(flagged | unknown),
    )


def _lost_on_the_wire(plant: Plant, received: list[Handed]) -> int:
    """Nobody was given a report twice, and those that nobody has are listed as handed out; how many."""
    assert len(received) == len(set(received)), "a report was handed out twice"
    rows = plant.sql(
        "select m.id, m.recipient, r.number, exists (select from report_pulled p"
        "  where p.account_id = r.account_id and r.message_id = any(p.message_ids)) as pulled"
        " from report r join message m on m.id = r.message_id and m.account_id = r.account_id"
    )
    assert {row["number"] for row in rows} == {1}, "each message has one report"
    [[secret]] = plant.sql("select id_secret from installation")
    listed = {Handed(seal(secret, row["id"]), int(row["recipient"])) for row in rows if row["pulled"]}
    assert len(listed) == len(rows), "each is handed out"
    assert set(received) <= listed
    return len(listed - set(received))
