-- What batches of orders took of an account in a minute that had many messages. To say how many of them a window has that
-- begins or ends within that minute, they would have to be counted row by row.
create table message_moment (
    account_id integer not null,
    at timestamptz not null, -- when all of them were created
    messages integer not null,
    first_id bigint not null,
    primary key (account_id, at, first_id)
);

alter table message_count add column by_moment boolean not null default false; -- a minute of which these are kept
