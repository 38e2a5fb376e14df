"""The steps of a bench: each measures one run of its rows and leaves the gateway idle behind it."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.books import Books
from bench.carrier import Carrier
from bench.constant import served
from bench.load import BadRun, Tally, converse, offer
from bench.processes import Meter, PeakMemory, Usage
from bench.results import MB, Results, Sample
from bench.setting_up import Customers
from bench.sink import Sink
from bench.sizes import BULK_CONNECTIONS, BULK_OF, Sizes, mixed
from bench.speed import probe_s
from bench.stand import Stand
from bench.stored import fill
from bench.traffic import Customer, windows

ACCEPTED = b'"error":0,'
ANSWERED = b'"error":0,'
PULL_LIMIT = 1_000
LISTED = b'"meta":{"page":{'
SORTS = ("id", "phone", "delivered")
REPORT = b'"messageId"'
TURNS = 5  # of the constant answer and of lookups, one after the other


@dataclass(slots=True)
class Measured:
    """What a measured block took; filled at its end."""

    count: int
    probe_s: float = field(default_factory=probe_s)
    usage: Usage = field(init=False)
    memory_bytes: int = field(init=False)

    @property
    def rate(self) -> float:
        """So many a second."""
        return self.count / self.usage.elapsed_s

    @property
    def cpu_s_per_1000(self) -> float:
        """What the product used."""
        return 1_000 * self.usage.product_s / self.count

    def sample(self, value: float | None = None) -> Sample:
        """As a run of a row; its figure is the rate unless another is named."""
        figure = self.rate if value is None else value
        return Sample(figure, self.count, self.usage, self.memory_bytes, self.probe_s)


class Bench:
    """One bench on one stand. `results` and `sizes` are swapped for the warm-up."""

    def __init__(self, stand: Stand, books: Books, *, customers: Customers, sizes: Sizes) -> None:
        self.results = Results()
        self.sizes = sizes
        self.peak_bytes = 0
        self.first_id = 0  # of what was sent; what is below was copied
        self.verified_id = 0  # up to it the promises were checked
        self._stand = stand
        self._books = books
        self._customers = customers
        self._meter = Meter(**stand.pids, backend_pid=books.backend_pid)
        self._carrier = Carrier()
        self._sink = Sink()

    # -- from the customer's request to the committed final status, through the simulated SMSC -------------------

    async def end_to_end_single(self) -> None:
        """One request a message, and one callback at its final status."""
        count = self.sizes.singles
        wal = await self._books.wal_bytes()
        port = self._customers.sink_port
        requests = self._customers.flow.singles(count, callback_url=f"http://127.0.0.1:{port}/dlr")
        await self._sink.open(port)
        try:
            done = await self._deliver(requests, count=count, called_back=True)
        finally:
            await self._sink.close()
        self.results.note("end_to_end_single", done.sample())
        self.results.note("cpu_s_per_1000", done.sample(done.cpu_s_per_1000))
        self.results.note("wal_per_message", Sample((await self._books.wal_bytes() - wal) / count))

    async def end_to_end_bulk(self) -> None:
        """Many recipients a request."""
        sizes = mixed(self.sizes.bulk)
        requests = self._customers.flow.bulks(sizes)
        done = await self._deliver(requests, count=sum(sizes), connections=BULK_CONNECTIONS)
        self.results.note("end_to_end_bulk", done.sample())
        self.results.note("cpu_s_per_1000_bulk", done.sample(done.cpu_s_per_1000))

    async def _deliver(
        self, requests: list[bytes], *, count: int, connections: int | None = None, called_back: bool = False
    ) -> Measured:
        account_id = self._customers.flow.account_id
        self._sink.forget()
        after = await self._books.last_id(account_id)
        with self._measured(count) as done:
            await self._offer(requests, expected=ACCEPTED, connections=connections)
            await self._books.all_ended(account_id, after_id=after, expected=count)
            if called_back:
                await self._sink.all_told(count)
                await self._books.all_called_back(count)
        await self._books.verify_delivered(account_id, after_id=after, expected=count)
        return done

    async def reports_drained(self) -> None:
        """All reports that the messages before have left owing, in calls of a thousand."""
        pulled, empty = [0], [0]
        request = self._customers.flow.pull(PULL_LIMIT)

        def count(body: bytes, _took_s: float) -> None:
            found = body.count(REPORT)
            pulled[0] += found
            empty[0] += not found

        with self._measured(1) as done:
            await converse(
                lambda: None if empty[0] else request,
                count,
                port=self._stand.http_port,
                connections=self.sizes.readers,
            )
        done.count = pulled[0]
        if not pulled[0]:
            raise BadRun("no report was owed")
        self.results.note("reports_drained", done.sample())

    # -- each stage alone: nothing is handed over while requests are taken, and no receipt comes before that is done ---

    async def accept_single(self) -> None:
        """One message a request, until the last is answered."""
        requests = self._customers.stock.singles(self.sizes.singles)
        waiting = await self._books.waiting()
        with self._measured(len(requests)) as done:
            tally = await self._offer(requests, expected=ACCEPTED)
        await self._books.verify_waiting(waiting + len(requests))
        self.results.note("accept_single", done.sample())
        self.results.note("accept_single_p99", Sample(tally.percentile_ms(99)))

    async def accept_bulk(self) -> None:
        """Many recipients a request: the largest request there is by itself, then requests beside each other."""
        sizes, stock = mixed(self.sizes.accepted), self._customers.stock
        count, waiting = sum(sizes), await self._books.waiting()
        if count >= BULK_OF:
            largest = await self._offer(stock.bulks([BULK_OF]), expected=ACCEPTED, connections=1)
            self.results.note("accept_bulk_request", Sample(largest.percentile_ms(50) / 1_000))
            waiting += BULK_OF
        requests = stock.bulks(sizes)
        with self._measured(count) as done:
            await self._offer(requests, expected=ACCEPTED, connections=BULK_CONNECTIONS)
        await self._books.verify_waiting(waiting + count)
        self.results.note("accept_bulk", done.sample())

    async def carry(self) -> None:
        """Hand over what was accepted, then take in all its receipts."""
        account_id, expected = self._customers.stock.account_id, await self._books.waiting()
        if not expected:
            raise BadRun("nothing waits to be handed over")
        async with self._carrier_open():
            with self._measured(expected) as handed_over:
                await self._books.all_handed_over(expected)
            if len(self._carrier.taken) != expected:
                raise BadRun(f"{expected} messages waited, the carrier took {len(self._carrier.taken)}")
            with self._measured(expected) as taken_in:
                await self._carrier.deliver_all()
        await self._books.all_ended(account_id, after_id=0, expected=expected)
        self.results.note("hand_over", handed_over.sample())
        self.results.note("receipts_in", taken_in.sample())

    @asynccontextmanager
    async def _carrier_open(self) -> AsyncIterator[None]:
        await self._carrier.open(self._customers.carrier_port)
        try:
            yield
        finally:
            await self._carrier.close()

    # -- questions -----------------------------------------------------------------------------------------------

    async def lookup_by_id(self) -> None:
        """Messages by their ids."""
        known = await self._books.some(self._asked.account_id, self.sizes.questions)
        await self._ask("lookup_by_id", [f"/rest/sms/{one.id}" for one in known])

    async def lookup_by_reference(self) -> None:
        """Messages by the references that the customer chose."""
        known = await self._books.some(self._asked.account_id, self.sizes.questions)
        await self._ask("lookup_by_reference", [f"/rest/sms/reference/{one.reference}" for one in known])

    async def lookup_by_task(self) -> None:
        """The counters of bulk requests."""
        known = await self._books.some_tasks(self._asked.account_id, self.sizes.questions)
        await self._ask("lookup_by_task", [f"/rest/sms/task/{one}" for one in known])

    async def constant_answer(self) -> None:
        """What this server does at best: an answer that needs no database."""
        requests = self._asked.questions(["/health/live"] * self.sizes.questions)
        with self._measured(len(requests)) as done:
            await self._offer(requests, expected=b'"live"')
        self.results.note("constant_answer", done.sample())

    async def constant_same_size(self) -> None:
        """The same HTTP server around nothing but a lookup's answer, and lookups: in turns, as speed changes."""
        known = await self._books.some(self._asked.account_id, self.sizes.questions)
        requests = self._asked.questions([f"/rest/sms/{one.id}" for one in known])
        slices = [requests[number::TURNS] for number in range(TURNS)]
        probed, constant_s, lookup_s = probe_s(), 0.0, 0.0
        async with served(await self._one_answer(requests[0])) as port:
            for some in slices:
                constant_s += await self._timed(some, port=port)
                lookup_s += await self._timed(some, port=self._stand.http_port)
        self.results.note("constant_same_size", Sample(len(requests) / constant_s, probe_s=probed))
        self.results.note("lookup_to_constant", Sample(constant_s / lookup_s, probe_s=probed))

    async def _timed(self, requests: list[bytes], *, port: int) -> float:
        """The seconds that it took to have all of them answered."""
        began = time.perf_counter()
        await offer(requests, port=port, connections=self.sizes.connections, expected=ANSWERED)
        return time.perf_counter() - began

    async def _one_answer(self, request: bytes) -> bytes:
        """What the gateway says to it."""
        said: list[bytes] = []
        asked = iter([request])
        await converse(
            lambda: next(asked, None),
            lambda body, _took_s: said.append(body),
            port=self._stand.http_port,
            connections=1,
        )
        return said[0]

    async def pages(self) -> None:
        """Lists of messages, fifty a page: each order, both ways, and each filter."""
        customer, count = self._asked, self.sizes.pages
        known = await self._books.some(customer.account_id, count)
        tasks = await self._books.some_tasks(customer.account_id, count)
        sorts = [f"sort={sort}&way={way}" for sort in SORTS for way in ("asc", "desc")]
        filters = {
            **{f"page_by_{sort}_p99": [f"sort={sort}&way=asc", f"sort={sort}&way=desc"] for sort in SORTS},
            "page_of_window_p99": [
                f"{window}&{sort}" for window in windows(datetime.now(UTC)) for sort in sorts
            ],
            "page_of_campaign_p99": [
                f"filter[campaign_id]={one}&{sort}" for one in tasks[:50] for sort in sorts
            ],
            "page_of_reference_p99": [f"filter[reference_id]={one.reference}" for one in known],
        }
        await customer.log_in(self._stand.http_port)
        for row, asked in filters.items():
            requests = customer.pages((asked * (count // len(asked) + 1))[:count])
            tally = await self._offer(requests, expected=LISTED, connections=2)
            self.results.note(row, Sample(tally.percentile_ms(99)))

    async def _ask(self, row: str, paths: list[str]) -> None:
        requests = self._asked.questions(paths)
        with self._measured(len(requests)) as done:
            tally = await self._offer(requests, expected=ANSWERED)
        self.results.note(row, done.sample())
        self.results.note(f"{row}_p99", Sample(tally.percentile_ms(99)))

    @property
    def _asked(self) -> Customer:
        """Whose messages are asked for: those of the past, where there is one."""
        return self._customers.flow if self.first_id else self._customers.stock

    # -- a past --------------------------------------------------------------------------------------------------

    async def fill(self) -> None:
        """Store as many messages of the past as the sizes say."""
        account_id = self._customers.flow.account_id
        past = await fill(self._stand.database_url, account_id=account_id, messages=self.sizes.stored)
        self.first_id = past.first_id

    # -- what is left behind -------------------------------------------------------------------------------------

    async def disk_per_message(self) -> None:
        """What each message stored so far takes."""
        stored = await self._books.messages()
        self.results.note("disk_per_message", Sample(await self._books.disk_bytes() / stored))

    async def memory(self) -> None:
        """The most that was seen in any of the steps, and how many messages they sent."""
        sent = await self._books.messages() - self.sizes.stored
        self.results.amount = self.results.amount._replace(sent=sent)
        self.results.note("memory", Sample(self.peak_bytes / MB))

    async def start_after_stop(self) -> None:
        """From the command to ready, on the data of this bench."""
        self._stand.stop_gateway()
        self.results.note("start_after_stop", Sample(await self._stand.start_gateway()))

    # -- the means -----------------------------------------------------------------------------------------------

    @contextmanager
    def _measured(self, count: int) -> Iterator[Measured]:
        """Measure the block."""
        measured = Measured(count)
        with PeakMemory(self._meter) as memory:
            before = self._meter.read()
            yield measured
            measured.usage = self._meter.read().minus(before)
        measured.memory_bytes = memory.bytes
        self.peak_bytes = max(self.peak_bytes, memory.bytes)

    async def _offer(
        self, requests: list[bytes], *, expected: bytes, connections: int | None = None
    ) -> Tally:
        return await offer(
            requests,
            port=self._stand.http_port,
            connections=connections or self.sizes.connections,
            expected=expected,
        )
