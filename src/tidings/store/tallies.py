"""How many messages were created when: what each batch of orders notes, added up by day and minute afterwards."""

from datetime import datetime

from tidings.store.rows import Rows

BUSY = 10_000
"""Messages of a minute that are not counted row by row for a window that ends in it: that takes some 0.25 us each."""

PER_MOMENT = 4
"""Messages that a batch must have had of such a minute's, on average, for that to be worth its row of 90 octets."""

# Whoever adds up beside us takes others; and counts are locked in one order. Whether the moments of a minute are kept
# is settled as it is added up first: what is committed too late for that goes the same way.
ADD_UP = """
with tallies as (
    delete from message_tally where ctid = any(array(
        select ctid from message_tally where at < $2 order by account_id, at limit $1 for update skip locked))
    returning account_id, at, messages, first_id, last_id),
counted as (
    select account_id, width, date_trunc(width, at, 'UTC') as starts_at, sum(messages) as messages,
           min(first_id) as first_id, max(last_id) as last_id
    from tallies cross join (values ('day'), ('minute')) as t (width)
    group by 1, 2, 3),
added as (
    insert into message_count as c (account_id, width, starts_at, messages, first_id, last_id, by_moment)
    select account_id, width, starts_at, messages, first_id, last_id, case width when 'minute' then (
               select sum(t.messages) >= greatest($3, $4 * count(*)) from message_tally t
               where t.account_id = counted.account_id
                 and t.at >= counted.starts_at and t.at < counted.starts_at + interval '1 minute') else false end
    from counted order by 1, 2, 3
    on conflict (account_id, width, starts_at) do update
        set messages = c.messages + excluded.messages, first_id = least(c.first_id, excluded.first_id),
            last_id = greatest(c.last_id, excluded.last_id)
    returning account_id, width, starts_at, by_moment),
kept as (
    insert into message_moment (account_id, at, messages, first_id)
    select account_id, t.at, t.messages, t.first_id
    from tallies t join added a using (account_id)
    where a.by_moment and a.width = 'minute' and a.starts_at = date_trunc('minute', t.at, 'UTC'))
select count(*) from tallies"""


class TallyRows(Rows):
    """Statements on what batches of orders noted."""

    async def add_up_tallies(self, limit: int, *, before: datetime) -> int:
        """Add tallies from before then to the counts of their days and minutes; how many there were."""
        added: int = await self._connection.fetchval(ADD_UP, limit, before, BUSY, PER_MOMENT)
        return added
