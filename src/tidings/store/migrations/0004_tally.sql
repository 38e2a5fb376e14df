-- How many messages a batch of orders took of an account, until that is added to message_count. Adding each batch there
-- at once changed two rows that all others change as well, and was a twelfth of PostgreSQL's part in single orders.
create table message_tally (
    account_id integer not null,
    at timestamptz not null, -- when all of them were created
    messages integer not null,
    first_id bigint not null,
    last_id bigint not null,
    primary key (account_id, at, first_id)
);
