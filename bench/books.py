"""What the database says: whether everything has ended, what was stored, and what it takes on disk."""

import asyncio
import time
from typing import NamedTuple, TypeVar

import asyncpg

from bench import stored
from bench.load import BadRun
from tidings.store import invariants
from tidings.store.runs import MESSAGES

Found = TypeVar("Found")

LOOK_EVERY_S = 0.02
LOOK_SHARE = 10  # looking takes at most this part of the time between two looks
GIVE_UP_S = 60.0
SLOWEST_PER_S = 100  # whoever is slower than this is taken to be stuck

NEWEST = "select coalesce(max(id), 0) from message"
LAST = "select coalesce(max(id), 0) from message where account_id = $1"
# Until something is heard of a message, it waits or is being written, and there is no more of it than that. The newest
# end last, nearly: while one of them is open this looks at few rows.
ALL_ENDED = """
select not exists (select from outbox where account_id = $1 and message_id > $2)
   and not exists (select from in_flight where account_id = $1 and message_id > $2 and doubt_since is null)
   and not exists (
    select from (select state from delivery where account_id = $1 and message_id > $2 and state < 'delivered'
                 order by message_id desc limit 1) as still_open)"""
ENDED_AS = """
select state::text, count(*) from delivery where account_id = $1 and message_id > $2 group by state"""
ALL_HANDED_OVER = """
select not exists (select from outbox) and not exists (select from in_flight where doubt_since is null)"""
ALL_CALLED_BACK = "select not exists (select from callback)"
SOME = """
select id, reference from message tablesample system ($3)
where account_id = $1 and reference is not null order by random() limit $2"""
SOME_TASKS = "select id from task where account_id = $1 and total > 1 order by random() limit $2"
TABLE_SIZE = "select sum(greatest(reltuples, 0)) from pg_class where relname like 'message!_p%' escape '!'"
SAMPLED = 20  # times as many rows are looked at as are wanted
WAL = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
FILL_LOG = """
select pg_logical_emit_message(false, '', ''), pg_switch_wal() from generate_series(
    1, pg_size_bytes(current_setting('max_wal_size')) / pg_size_bytes(current_setting('wal_segment_size')))"""
# A partitioned table has no file of its own: its partitions are all here.
ON_DISK = """
select sum(pg_total_relation_size(oid)) from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'"""
WAITING = f"select coalesce(sum({MESSAGES}), 0)::bigint from outbox"
STORED = "select count(*) from message"


class Known(NamedTuple):
    """A message to ask for."""

    id: int
    reference: str


class Books:
    """The questions, on a connection of our own. They are asked seldom enough not to be what is measured."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @property
    def backend_pid(self) -> int:
        """PostgreSQL's process that answers."""
        pid: int = self._connection.get_server_pid()
        return pid

    async def last_id(self, account_id: int) -> int:
        """The newest message's id: what comes after it is the run's."""
        return int(await self._connection.fetchval(LAST, account_id))

    async def newest_id(self) -> int:
        """The newest message of anybody."""
        return int(await self._connection.fetchval(NEWEST))

    async def all_ended(self, account_id: int, *, after_id: int, expected: int) -> None:
        """Return once every message after an id has its final status. Raises BadRun if that takes too long."""
        await self._until(ALL_ENDED, account_id, after_id, within_s=GIVE_UP_S + expected / SLOWEST_PER_S)

    async def all_called_back(self, expected: int) -> None:
        """Return once no callback waits or is under way. Raises BadRun if that takes too long."""
        await self._until(ALL_CALLED_BACK, within_s=GIVE_UP_S + expected / SLOWEST_PER_S)

    async def verify_delivered(self, account_id: int, *, after_id: int, expected: int) -> None:
        """Raise BadRun unless so many messages came after an id and every one of them was delivered."""
        ended = {row[0]: row[1] for row in await self._connection.fetch(ENDED_AS, account_id, after_id)}
        if ended != {"delivered": expected}:
            raise BadRun(f"{expected} messages were to be delivered, and stand at {ended}")

    async def all_handed_over(self, expected: int) -> None:
        """Return once nothing waits for a connector or for its answer. Raises BadRun if that takes too long."""
        await self._until(ALL_HANDED_OVER, within_s=GIVE_UP_S + expected / SLOWEST_PER_S)

    async def some(self, account_id: int, count: int) -> list[Known]:
        """Messages at random; the same again where there are fewer."""
        rows = await self._connection.fetchval(TABLE_SIZE) or 1
        percent = min(100.0, 100 * SAMPLED * count / rows)
        found = await self._connection.fetch(SOME, account_id, count, percent)
        return _repeated([Known(*row) for row in found], count)

    async def some_tasks(self, account_id: int, count: int) -> list[int]:
        """Tasks of more than one message at random; the same again where there are fewer."""
        return _repeated(
            [row[0] for row in await self._connection.fetch(SOME_TASKS, account_id, count)], count
        )

    async def waiting(self) -> int:
        """How many messages wait for a connector."""
        return int(await self._connection.fetchval(WAITING))

    async def verify_waiting(self, expected: int) -> None:
        """Raise BadRun unless so many messages wait for a connector."""
        if (waiting := await self.waiting()) != expected:
            raise BadRun(f"{expected} messages were accepted, and {waiting} wait")

    async def stand_still(self, for_s: float) -> None:
        """Let nobody store a message for so long."""
        async with self._connection.transaction():
            await self._connection.execute("lock table message in exclusive mode")
            await asyncio.sleep(for_s)

    async def messages(self) -> int:
        """How many messages there are."""
        return int(await self._connection.fetchval(STORED))

    async def fill_log(self) -> None:
        """Leave the log as a server has it that has once written as much as it keeps: its files are used again.

        Before that each file is new, and nobody commits while it is filled with zeros: 20 ms for every 16 MB.
        """
        await self._connection.execute(FILL_LOG)
        await self._connection.execute("checkpoint")

    async def wal_bytes(self) -> int:
        """How much was ever written to the log."""
        return int(await self._connection.fetchval(WAL))

    async def disk_bytes(self) -> int:
        """What all tables and indexes take, after a vacuum."""
        await self._connection.execute("vacuum")
        return int(await self._connection.fetchval(ON_DISK))

    async def make_room(self, messages: int) -> None:
        """Leave ids free for so many messages of the past."""
        await stored.make_room(self._connection, messages)

    async def verify(self, *, from_id: int = 0) -> None:
        """Raise BadRun if one of the promises of the store is broken; older messages' evidence is not told again."""
        await self._connection.execute(
            "analyze"
        )  # so much has come so fast that PostgreSQL may not know of it yet
        broken = await invariants.check(self._connection, from_id=from_id)
        if broken:
            told = "\n".join(f"  {one.promise}: {one.found} times, e.g. {one.examples}" for one in broken)
            raise BadRun(f"the invariants do not hold, so there is no result:\n{told}")

    async def _until(self, question: str, *arguments: object, within_s: float) -> None:
        """Ask until the answer is yes."""
        deadline = time.perf_counter() + within_s
        while (began := time.perf_counter()) < deadline:
            if await self._connection.fetchval(question, *arguments):
                return
            await asyncio.sleep(max(LOOK_EVERY_S, LOOK_SHARE * (time.perf_counter() - began)))
        raise BadRun(f"after {within_s:.0f} s there are still open messages")


def _repeated(found: list[Found], count: int) -> list[Found]:
    if not found:
        raise BadRun("nothing is stored that could be asked for")
    return (found * (count // len(found) + 1))[:count]
