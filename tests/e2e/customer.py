"""One customer of a running gateway, who speaks all three vocabularies."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import httpx
from plant import BULK_POLL_S, Plant, until

WITHIN_S = 20.0
READ_EVERY_S = 0.1  # a reader that was given nothing asks again
FINAL = frozenset({"delivered", "expired", "undeliverable", "rejected", "unknown"})
"""The words of BSG REST v1 behind which nothing more is expected."""

SILENT = "9902"
SHORTEST_VALIDITY_S = 30
"""The least that any of the three takes."""

FIRST = 380_970_000_000
FIRST_OF_MANY = 380_980_000_000
CHOOSING = range(9902, 9910)
"""Last four digits of a number by which the simulated SMSC does something else than deliver."""


def number_at(block: int, tail: str) -> int:
    """A number; its last four digits choose what the carrier does."""
    return FIRST + block * 10_000 + int(tail)


def ordinary(many: int) -> list[int]:
    """So many numbers whose messages are delivered, none of which `number_at` gives."""
    tried: Iterator[int] = iter(range(FIRST_OF_MANY, FIRST_OF_MANY + 2 * many))
    return [next(one for one in tried if one % 10_000 not in CHOOSING) for _ in range(many)]


class Customer:
    """A new account of the plant, and a connection, for as long as the context lasts."""

    def __init__(self, plant: Plant, name: str) -> None:
        self.plant, self.account = plant, plant.account(name)
        self.key = self.account.key
        self.http = httpx.Client(base_url=plant.served.url, timeout=60)
        self._bearer: str | None = None
        self._reports: dict[str, list[Any]] = defaultdict(list)  # those pulled without a filter, by number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    # --- BSG REST v1

    def v1(self, verb: str, path: str, body: object = None) -> Any:
        answer = self.http.request(verb, f"/rest/{path}", headers={"X-API-KEY": self.key}, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def v1_send(self, number: int, text: str = "Hi", **more: object) -> Any:
        """To one recipient; the row of the answer."""
        body = {"destination": "phone", "msisdn": str(number), "originator": "BSG", "body": text, **more}
        answer = self.v1("POST", "sms/create", body)
        assert answer["error"] == 0, answer
        return answer["result"]

    def v1_send_many(self, numbers: Sequence[int], text: str = "Hi", **more: object) -> Any:
        """To a list, in one request, each with its number as the reference; the whole answer."""
        rows = [{"msisdn": str(number), "reference": f"r{number}"} for number in numbers]
        body = {"destination": "phones", "phones": rows, "originator": "BSG", "body": text, **more}
        answer = self.v1("PUT", "sms/create", body)
        assert answer["error"] == 0, answer
        return answer

    def counters(self, task_id: str) -> Any:
        """What the task's summary says."""
        return self.v1("GET", f"sms/task/{task_id}")

    def wait_until_delivered(self, task_id: str, many: int, *, within_s: float = 150) -> None:
        """Wait until so many of the task are delivered."""
        until(
            lambda: self.counters(task_id)["delivered"] >= many,
            within_s=within_s,
            what=lambda: f"{many} are delivered: {self.counters(task_id)}",
            every_s=BULK_POLL_S,
        )

    def status(self, message_id: int | str) -> str:
        word: str = self.v1("GET", f"sms/{message_id}")["status"]
        return word

    def ends(self, message_id: int | str, *, within_s: float = WITHIN_S) -> str:
        """Wait until the message has a final status; the word."""
        return until(
            lambda: (word := self.status(message_id)) in FINAL and word,
            within_s=within_s,
            what=lambda: f"message {message_id} has a final status: {self._evidence(message_id)}",
        )

    def _evidence(self, message_id: int | str) -> list[str]:
        return [str(one.evidence) for one in self.plant.evidence() if one.message_id == int(message_id)]

    # --- BSG One API

    def bearer(self) -> str:
        if self._bearer is None:
            answer = self.http.post("/api/auth/login", json={"api_key": self.key})
            assert answer.status_code == 200, answer.text
            self._bearer = answer.json()["bearer"]
        return self._bearer

    def one(self, verb: str, path: str, *, status: int = 200, **request: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.bearer()}"}
        answer = self.http.request(verb, f"/api/{path}", headers=headers, **request)
        assert answer.status_code == status, answer.text
        return answer.json()

    def one_send(self, number: int, text: str = "Hi", *, reference: str | None = None, **more: object) -> Any:
        """A campaign of one; the campaign."""
        phone = {"number": number, **({"reference_id": reference} if reference else {})}
        body = {"phones": [phone], "sender": "BSG", "text": text, **more}
        return self.one("POST", "campaigns/sms/send", json=body)["data"]

    def one_list(self, **filters: object) -> list[Any]:
        """Messages by `filter[...]`."""
        params: dict[str, str] = {f"filter[{name}]": str(value) for name, value in filters.items()}
        items: list[Any] = self.one("GET", "messages", params={"page[limit]": "500", **params})["data"]
        return items

    # --- Infobip

    def infobip(self, verb: str, path: str, *, status: int = 200, **request: Any) -> Any:
        answer = self.http.request(verb, path, headers={"Authorization": f"App {self.key}"}, **request)
        assert answer.status_code == status, answer.text
        return answer.json()

    def infobip_send(self, number: int, text: str = "Hi", **more: Any) -> Any:
        """To one destination; the answer's row. `more`: members of the destination and of the request."""
        destination = {"to": str(number), **more.pop("destination", {})}
        message = {"destinations": [destination], "from": "BSG", "text": text}
        answer = self.infobip("POST", "/sms/2/text/advanced", json={"messages": [message], **more})
        [row] = answer["messages"]
        return {**row, "bulkId": answer["bulkId"]}

    def pull(self, **params: object) -> list[Any]:
        """Reports that nobody was given before."""
        asked = {name: str(value) for name, value in params.items()}
        reports: list[Any] = self.infobip("GET", "/sms/1/reports", params=asked)["results"]
        return reports

    def report(self, **params: object) -> Any:
        """Wait for the one report that a filter finds."""
        [report] = until(
            lambda: self.pull(**params), within_s=WITHIN_S, what=f"there is a report of {params}"
        )
        return report

    def reports_to(self, number: int) -> list[Any]:
        """Every report to a number so far. Pulls all there are."""
        for report in self.pull(limit=1000):
            self._reports[report["to"]].append(report)
        return self._reports[str(number)]


class Handed(NamedTuple):
    """A report as its reader knows it."""

    message_key: str
    number: int


class Reader(threading.Thread):
    """Pulls reports, a thousand at a time, until told to stop, and keeps what it was given. A gateway that is away
    or dies while it answers is asked again: what that answer held is lost."""

    def __init__(self, customer: Customer) -> None:
        super().__init__(daemon=True)
        self._url = customer.plant.served.url
        self._headers = {"Authorization": f"App {customer.key}"}
        self._over = threading.Event()
        self._broke: BaseException | None = None
        self.received: list[Handed] = []
        self.pulls = 0  # answers that held any
        self.refusals: list[int] = []  # HTTP statuses other than 200

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self._url, headers=self._headers, timeout=30) as http:
                while not self._over.is_set():
                    if not self._pull(http):
                        self._over.wait(READ_EVERY_S)
        except BaseException as error:
            self._broke = error

    def _pull(self, http: httpx.Client) -> bool:
        try:
            answer = http.get("/sms/1/reports", params={"limit": 1000})
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            self.refusals.append(answer.status_code)
            return False
        handed = [Handed(one["messageId"], int(one["to"])) for one in answer.json()["results"]]
        self.received += handed
        self.pulls += bool(handed)
        return bool(handed)

    def finish(self) -> None:
        self._over.set()
        self.join(60)
        assert not self.is_alive(), "the reader ends"
        if self._broke is not None:
            raise self._broke


class Readers:
    """Some readers together."""

    def __init__(self, each: Sequence[Reader]) -> None:
        self._each = each

    @property
    def received(self) -> list[Handed]:
        """What they were given."""
        return [one for reader in self._each for one in reader.received]

    @property
    def pulls(self) -> list[int]:
        """How many answers with something in them each got."""
        return [reader.pulls for reader in self._each]

    @property
    def refusals(self) -> list[int]:
        """HTTP statuses other than 200."""
        return [status for reader in self._each for status in reader.refusals]

    def wait_until_read(self, many: int) -> None:
        """Wait until they have so many reports together."""
        until(
            lambda: len(self.received) >= many,
            within_s=WITHIN_S,
            what=lambda: f"{many} reports are read; {len(self.received)} are",
        )


@contextmanager
def reading(customer: Customer, readers: int = 2) -> Iterator[Readers]:
    """Readers that drain the customer's reports at the same time, for as long as the context lasts."""
    each = [Reader(customer) for _ in range(readers)]
    for reader in each:
        reader.start()
    try:
        yield Readers(each)
    finally:
        for reader in each:
            reader.finish()
