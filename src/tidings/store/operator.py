"""Questions of operators, who look over all accounts: where is a message?"""

import asyncpg

from tidings.domain import ids
from tidings.domain.order import Account
from tidings.flows.records import Key
from tidings.store.accounts import ACCOUNT_FIELDS, account_of
from tidings.store.lookups import LookupRows

MAX_FOUND = 20
MAX_KEY = 200

# By account, because that is how the keys are ordered.
BY_ID = f"""
select m.account_id, m.id from account a join message m on m.account_id = a.id and m.id = $2
where ($1::integer is null or a.id = $1) limit {MAX_FOUND}"""

BY_OWN_KEY = f"""
select distinct k.account_id, k.message_id
from account a cross join unnest('{{reference,message}}'::key_kind[]) as wanted (kind)
join external_key k on k.account_id = a.id and k.kind = wanted.kind and k.key = $2
where $1::integer is null or a.id = $1
order by k.message_id desc limit {MAX_FOUND}"""

BY_MADE_KEY = """
select m.account_id, m.id from account a join message m on m.account_id = a.id and m.id = $3
where ($1::integer is null or a.id = $1)
  and (coalesce(m.reference, $2) = $2 or coalesce(m.message_key, $2) = $2)"""

# $4 is the task that we made the key for.
TASKS = f"""
select t.account_id, t.id
from account a join task t on t.account_id = a.id
                          and (t.id = $3 or t.bulk_key = $2 or t.id = $4 and t.bulk_key is null)
where $1::integer is null or a.id = $1
union all
select m.account_id, m.id - 1
from account a join message m on m.account_id = a.id and m.id in ($3 + 1, $4 + 1) and m.task_id is null
where $1::integer is null or a.id = $1
order by 2 desc limit {MAX_FOUND}"""

OPEN_ACCOUNT = f"select {ACCOUNT_FIELDS} from account a where a.name = $1 and a.closed_at is null"


async def open_account(connection: asyncpg.Connection, name: str) -> Account | None:
    """The account of a name, as a request with its key would know it; None if there is none, or it is closed."""
    row = await connection.fetchrow(OPEN_ACCOUNT, name)
    return account_of(row) if row else None


async def find_messages(
    connection: asyncpg.Connection, asked: str, *, account_id: int | None = None
) -> list[Key]:
    """The messages that an id, a reference or a messageId stands for, in one account or in all."""
    if not 0 < len(asked) <= MAX_KEY or "\0" in asked:
        return []
    rows = list(await connection.fetch(BY_OWN_KEY, account_id, asked))
    if (message_id := _number(asked)) is not None:
        rows += await connection.fetch(BY_ID, account_id, message_id)
    _, id_secret = await LookupRows(connection).installation()
    made = ids.unseal(id_secret, asked)
    if made is not None:
        rows += await connection.fetch(BY_MADE_KEY, account_id, asked, made)
    return list(dict.fromkeys((row[0], row[1]) for row in rows))


async def find_tasks(
    connection: asyncpg.Connection, asked: str, *, account_id: int | None = None
) -> list[Key]:
    """The tasks that an id or a bulkId stands for, in one account or in all."""
    if not 0 < len(asked) <= MAX_KEY or "\0" in asked:
        return []
    _, id_secret = await LookupRows(connection).installation()
    made = ids.unseal(id_secret, asked)
    rows = await connection.fetch(TASKS, account_id, asked, _number(asked), made)
    return [(row[0], row[1]) for row in rows]


def _number(asked: str) -> int | None:
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 17 else None
    return number if number and number <= ids.MAX_ID else None
