"""The rows that put the gateway under strain: a crowd before a single message, a database that stands still, a kill."""

import asyncio

import asyncpg

from bench.books import Books
from bench.load import BadRun, converse, one_by_one
from bench.measuring import ACCEPTED, Bench
from bench.results import Sample
from bench.sizes import mixed

CODE_EVERY_S = 0.02
BUSY = b'"error":11,'  # what BSG REST v1 documents for "not now"
STANDSTILL_S = 25.0  # longer than an order waits for its turn
PATIENT = 4  # times as many connections as usual
UNDER_LOAD_S = 0.5


class Trials(Bench):
    """A bench that knows these rows as well."""

    async def fairness_otp(self) -> None:
        """Codes for one account, while another account's campaign waits for the same carrier."""
        count, stock, hasty = self.sizes.backlog, self._customers.stock, self._customers.hasty
        ours, theirs = (
            await self._books.last_id(hasty.account_id),
            await self._books.last_id(stock.account_id),
        )
        await self._offer(stock.bulks(mixed(count)), expected=ACCEPTED, connections=1)
        async with self._carrier_open():
            await self._carrier.has_taken(1)
            sent_at = await one_by_one(
                hasty.codes(),
                port=self._stand.http_port,
                expected=ACCEPTED,
                every_s=CODE_EVERY_S,
                until=lambda: len(self._carrier.taken) >= count,
            )
            await self._carrier.has_taken(count + len(sent_at))
            waited_s = sorted(
                one.at - sent_at[number] for one in self._carrier.taken if (number := one.number) in sent_at
            )
            await self._carrier.deliver_all()
        await self._books.all_ended(stock.account_id, after_id=theirs, expected=count)
        await self._books.all_ended(hasty.account_id, after_id=ours, expected=len(sent_at))
        if len(waited_s) != len(sent_at):
            raise BadRun(f"{len(sent_at)} codes were sent, {len(waited_s)} came to the carrier")
        self.results.note("fairness_otp_p99", Sample(1_000 * waited_s[len(waited_s) * 99 // 100]))

    async def backpressure(self) -> None:
        """Everybody sends while the database writes nothing: the slowest answer, and that each is documented."""
        connections = PATIENT * self.sizes.connections
        count = 2 * connections
        requests, waiting = iter(self._customers.stock.singles(count)), await self._books.waiting()
        answers: list[tuple[float, bytes]] = []
        with self._measured(count) as done:
            sending = asyncio.ensure_future(
                converse(
                    lambda: next(requests, None),
                    lambda body, took_s: answers.append((took_s, body)),
                    port=self._stand.http_port,
                    connections=connections,
                )
            )
            await self._books.stand_still(STANDSTILL_S)
            await sending
        taken = sum(ACCEPTED in body for _, body in answers)
        busy = sum(BUSY in body for _, body in answers)
        if taken + busy != count:
            raise BadRun(f"{count} were sent, {taken} accepted, {busy} told to come again")
        await self._books.verify_waiting(waiting + taken)
        self.results.note("backpressure_answer", done.sample(max(took_s for took_s, _ in answers)))

    async def start_after_kill(self) -> None:
        """From the command to ready, after a kill -9 of everything with messages on their way."""
        crowd = self._customers.flow.bulks(mixed(self.sizes.backlog))
        await self._offer(crowd, expected=ACCEPTED, connections=1)
        await asyncio.sleep(UNDER_LOAD_S)
        self._stand.kill_gateway()
        self.results.note("start_after_kill", Sample(await self._stand.start_gateway()))

    async def verify_after_kills(self) -> None:
        """The promises, once for all of them: with millions stored that takes minutes."""
        connection = await asyncpg.connect(self._stand.database_url)
        await Books(connection).verify(from_id=self.verified_id)
        await connection.close()
