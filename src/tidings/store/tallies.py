"""How many messages were created when: what each batch of orders notes, added up by day and minute afterwards."""

from tidings.store.rows import Rows

# Whoever adds up beside us takes others; and counts are locked in one order.
ADD_UP = """
with tallies as (
    delete from message_tally where ctid = any(array(
        select ctid from message_tally order by account_id, at limit $1 for update skip locked))
    returning account_id, at, messages, first_id, last_id),
added as (
    insert into message_count as c (account_id, width, starts_at, messages, first_id, last_id)
    select account_id, width, date_trunc(width, at, 'UTC') as starts_at, sum(messages), min(first_id), max(last_id)
    from tallies cross join (values ('day'), ('minute')) as t (width)
    group by 1, 2, 3 order by 1, 2, 3
    on conflict (account_id, width, starts_at) do update
        set messages = c.messages + excluded.messages, first_id = least(c.first_id, excluded.first_id),
            last_id = greatest(c.last_id, excluded.last_id))
select count(*) from tallies"""


class TallyRows(Rows):
    """Statements on what batches of orders noted."""

    async def add_up_tallies(self, limit: int) -> int:
        """Add the oldest tallies to the counts of their days and minutes; how many there were."""
        added: int = await self._connection.fetchval(ADD_UP, limit)
        return added
