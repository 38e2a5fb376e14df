-- Accounts, what they send, and what became of it.
--
-- The account stands first in the keys, except in the tables that are found by connector (outbox, in_flight,
-- submission, orphan). Ids of tasks and messages come from one counter, handed out in blocks; the messages of a
-- task have the ids that follow the task's own, so a task needs no index to find its messages. What grows without
-- end is partitioned by message id; store/partitions.py makes the partitions ahead of need. The columns of what has
-- a row per message stand by width, for between a narrow one and a wide one there is padding.

create type delivery_state as enum (
    'scheduled', 'moderation', 'queued', 'sending', 'in_doubt', 'sent', 'enroute', 'at_carrier', 'delivered',
    'read', 'no_receipt', 'expired', 'undeliverable', 'rejected', 'failed', 'not_service_user', 'cancelled'
);
create type delivery_stage as enum ('intake', 'dispatch', 'submit', 'network', 'closing');
create type delivery_confirmation as enum ('none', 'carrier', 'handset', 'read');
create type traffic_class as enum ('otp', 'transactional', 'promotional');
create type ledger_kind as enum ('topup', 'hold', 'release', 'charge');
create type key_kind as enum ('reference', 'message');

-- One row: the signing key of our tokens, and the key that generated ids are sealed with.
create table installation (
    only_one boolean primary key default true check (only_one),
    token_secret bytea not null check (length(token_secret) >= 32),
    id_secret bytea not null check (length(id_secret) >= 16),
    created_at timestamptz not null default now()
);

create table id_counter (
    name text primary key,
    next bigint not null check (next > 0 and next < 9007199254740992) -- ids fit in 53 bits
);
insert into id_counter values ('id', 1);

-- Bumped by whoever changes routes, prices, tariffs, connectors or accounts: cached copies are checked against it.
create table catalog (
    only_one boolean primary key default true check (only_one),
    version bigint not null
);
insert into catalog values (true, 1);

create table account (
    id integer generated always as identity primary key,
    name text not null unique check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    balance bigint not null default 0, -- top-ups - charges - open holds, in 10^-7 of the currency
    credit_limit bigint not null default 0 check (credit_limit >= 0),
    plan text not null default 'accepted' check (plan in ('accepted', 'delivered_only')),
    traffic_class traffic_class not null default 'transactional',
    senders text[] not null default '{}',
    callback_url text check (length(callback_url) between 10 and 2048), -- where statuses are pushed to
    callback_each boolean not null default false, -- also when a message was handed over
    settings jsonb not null default '{}',
    created_at timestamptz not null default now(),
    closed_at timestamptz
) with (fillfactor = 50);

create table credential (
    account_id integer not null references account (id),
    id integer generated always as identity unique,
    kind text not null check (kind in ('key', 'password')),
    test boolean not null,
    shown text not null, -- a key's first characters, or the user name: what a person may recognise it by
    username text check ((kind = 'password') = (username is not null)),
    secret_hash bytea not null unique check (length(secret_hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (account_id, id)
);

create unique index credential_username on credential (username) where revoked_at is null;

create table tariff (
    account_id integer not null references account (id),
    code smallint not null check (code between 0 and 999),
    active boolean not null default true,
    primary key (account_id, code)
);

create table price (
    account_id integer not null,
    tariff smallint not null,
    prefix text not null check (prefix ~ '^[0-9]{0,15}$'), -- empty = everywhere else
    per_part bigint not null check (per_part >= 0),
    primary key (account_id, tariff, prefix),
    foreign key (account_id, tariff) references tariff (account_id, code)
);

create table connector (
    id integer generated always as identity primary key,
    name text not null unique check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    kind text not null check (kind in ('smpp')),
    simulator boolean not null default false, -- test keys reach only these
    enabled boolean not null default true,
    settings jsonb not null,
    created_at timestamptz not null default now()
);

create table route (
    id integer generated always as identity primary key,
    account_id integer references account (id), -- null = everybody
    prefix text not null check (prefix ~ '^[0-9]{0,15}$'),
    connector_id integer not null references connector (id),
    position smallint not null default 0,
    created_at timestamptz not null default now()
);

-- Ends a statement, and with it all that it did, unless something is so. Whoever asked is told by the code.
create function insist(so boolean, code text) returns boolean language plpgsql as $$
begin
    if so is not true then
        raise exception 'not as it was believed to be' using errcode = code;
    end if;
    return true;
end $$;

-- A request that is no more than its only message has no row: what there is to say of it stands with the message.
create table task (
    account_id integer not null,
    id bigint not null,
    total integer not null check (total > 0), -- its messages are id + 1 .. id + total
    source text not null,
    bulk_key text, -- chosen by the customer; null: made of the id
    name text,
    validity_s integer not null,
    created_at timestamptz not null,
    scheduled_for timestamptz,
    primary key (account_id, id)
);
create index task_bulk_key on task (account_id, bulk_key) where bulk_key is not null;

-- Only for tasks of more than one message: the counters of one are its own status.
create table task_counter (
    account_id integer not null,
    task_id bigint not null,
    handed_over integer not null default 0,
    waiting integer not null default 0,
    sent integer not null default 0,
    delivered integer not null default 0,
    expired integer not null default 0,
    undeliverable integer not null default 0,
    rejected integer not null default 0,
    unknown integer not null default 0,
    price bigint not null,
    primary key (account_id, task_id),
    check (least(waiting, sent, delivered, expired, undeliverable, rejected, unknown, handed_over) >= 0)
) with (fillfactor = 50);

-- Written once. Until something is heard of a message, this is all there is to say of it (store/stand.py).
create table message (
    account_id integer not null,
    traffic_class traffic_class not null,
    id bigint not null,
    task_id bigint, -- null: it came alone, and its task is its own id - 1
    price bigint not null check (price >= 0), -- what it may cost; test traffic is free all the same
    created_at timestamptz not null,
    expires_at timestamptz not null,
    scheduled_for timestamptz,
    connector_id integer not null, -- where it waited first, and the next by which route; 0: it was refused
    route_id integer not null,
    callback_lane integer, -- where its callbacks queue; null: nobody is called back
    dialect smallint not null, -- the API it came by: its place in domain/order.py's list of them, from 1
    parts smallint not null check (parts > 0),
    ucs2 boolean not null,
    flash boolean not null,
    test boolean not null,
    counted boolean not null, -- its task has counters, which it moves
    callback_each boolean not null, -- also when it was handed over
    evidence bytea not null, -- the name of the pack that holds its first evidence
    reference text, -- null: made of the id; so is the next
    message_key text,
    recipient text not null,
    sender text not null,
    text text not null,
    extras jsonb,
    primary key (account_id, id)
) partition by range (id);
-- Some messages are valid for minutes and others for days, so that the least and the most of a page say little.
create index message_expires on message using brin (expires_at timestamptz_minmax_multi_ops);
-- The condition is always true: it keeps this index from whoever asks by id, and may find it as good as the key while
-- a partition is empty.
create index message_recipient on message (account_id, recipient, id) where recipient >= '';

-- How many messages were created in each day and each minute, and between which ids they lie: lists say how many
-- there are, and nobody counts millions of rows for that.
create table message_count (
    account_id integer not null,
    width text not null check (width in ('day', 'minute')),
    starts_at timestamptz not null,
    messages integer not null check (messages > 0),
    first_id bigint not null,
    last_id bigint not null,
    primary key (account_id, width, starts_at)
) with (fillfactor = 70);

-- Narrow and hot: nothing that changes is indexed, so that updates stay on their page. Of what was accepted for sending
-- and nothing was heard of since, there is no row: it stands as the message says. The first evidence after that adds it.
create table delivery (
    account_id integer not null,
    version integer not null,
    message_id bigint not null,
    held bigint not null check (held >= 0), -- open hold; nothing once it is final
    charged bigint not null default 0 check (charged >= 0),
    first_written_at timestamptz,
    sent_at timestamptz,
    delivered_at timestamptz,
    done_at timestamptz,
    report_at timestamptz,
    read_at timestamptz,
    negative_at timestamptz,
    state delivery_state not null,
    stage delivery_stage,
    confirmation delivery_confirmation not null default 'none',
    network_error integer,
    reports smallint not null default 0, -- how many were owed so far
    inferred boolean not null default false,
    reason text,
    flags text[],
    attempts json not null,
    evidence bytea not null default '', -- the names of the packs that hold its evidence, but for the first
    fingerprints bytea, -- of the receipts it had, eight octets each: one that is sent twice counts once
    primary key (account_id, message_id),
    check ((done_at is not null) = (state >= 'delivered')),
    check (held = 0 or state < 'delivered')
) partition by range (message_id);

-- Append-only, in packs (store/evidence.py): what a transaction learnt about messages of an account. A pack is named
-- after the newest message in it, and that one's last evidence there. Folding a message's evidence in order of its
-- numbers gives its delivery.
create table evidence (
    account_id integer not null,
    message_id bigint not null,
    seq integer not null,
    body bytea not null,
    primary key (account_id, message_id, seq)
) partition by range (message_id);
alter table evidence alter column body set storage external; -- it is compressed

-- Customers' own references and messageIds: unique per account for ever.
create table external_key (
    account_id integer not null,
    kind key_kind not null,
    key text not null,
    message_id bigint not null,
    primary key (account_id, kind, key)
);

-- What waits for a connector: a message, or a run of messages that were taken together and agree in everything else. A
-- row is taken by deleting it in the transaction that writes the intent, which also puts back what is left of a run.
create table outbox (
    connector_id integer not null,
    lane smallint not null, -- 0 before 1 before 2
    due_at timestamptz not null,
    message_id bigint not null,
    last_id bigint not null, -- of a run that was accepted and not begun; else the message itself
    part smallint not null, -- 0 = all parts of the attempt
    attempt smallint not null,
    account_id integer not null,
    parts smallint not null,
    tries smallint not null default 0, -- submissions written so far
    reference smallint not null default 0, -- joins the parts of a long message, once it is chosen
    expires_at timestamptz not null,
    step smallint not null default 1, -- from one id of the run to the next
    primary key (connector_id, lane, account_id, due_at, message_id, part),
    check (last_id = message_id or last_id > message_id and (part, attempt, tries, reference) = (0, 1, 0, 0)),
    check (step > 0 and (last_id - message_id) % step = 0)
);
-- Nothing of what waits has expired, as a rule: a summary of its pages says so, and costs a new row nothing.
create index outbox_expires on outbox using brin (expires_at) with (pages_per_range = 16, autosummarize = on);

-- Submissions whose answer is not known: written now, or in doubt.
create table in_flight (
    connector_id integer not null,
    message_id bigint not null,
    attempt smallint not null,
    part smallint not null,
    try smallint not null,
    account_id integer not null,
    courier_id integer not null,
    recipient text not null,
    sender text not null,
    traffic_class traffic_class not null,
    written_at timestamptz not null,
    expires_at timestamptz not null,
    reference smallint not null, -- joins the parts of a long message; 0 for others
    doubt_since timestamptz,
    decide_at timestamptz, -- when the traffic class's policy decides; null once it has
    primary key (message_id, attempt, part, try)
);
create index in_flight_doubt on in_flight (connector_id, right(recipient, 8)) where doubt_since is not null;
create index in_flight_decide on in_flight (decide_at) where decide_at is not null;
create index in_flight_courier on in_flight (courier_id) where doubt_since is null;

create sequence courier_id as integer;

-- Submissions that the next hop took, under the key its receipts will name.
create table submission (
    connector_id integer not null,
    account_id integer not null,
    message_id bigint not null,
    written_at timestamptz not null,
    attempt smallint not null,
    part smallint not null,
    try smallint not null,
    upstream_key text not null,
    recipient text not null
) partition by range (message_id);
create index submission_upstream on submission (connector_id, upstream_key);

-- Receipts that match no submission yet. Acknowledged, retried, kept, visible.
create table orphan (
    connector_id integer not null,
    id bigint generated always as identity,
    upstream_keys text[] not null, -- what its submission may be stored under
    suspect_keys json not null, -- the same under other id forms than the configured one, and their form
    recipient text not null,
    sender text not null,
    received_at timestamptz not null,
    tries smallint not null default 0,
    retry_at timestamptz, -- null = no more by itself
    fingerprint bytea not null,
    receipt json not null,
    raw bytea not null,
    primary key (connector_id, id),
    unique (connector_id, fingerprint)
);
create index orphan_upstream on orphan using gin (upstream_keys);
create index orphan_recipient on orphan (connector_id, right(recipient, 8));
create index orphan_retry on orphan (retry_at) where retry_at is not null;

-- When to look at a message again although nobody said anything.
create table timer (
    account_id integer not null,
    message_id bigint not null,
    kind text not null check (kind in ('settle')),
    due_at timestamptz not null,
    primary key (account_id, message_id, kind)
);
create index timer_due on timer (due_at);

-- How far a sweep over a growing table has come.
create table sweep (
    name text primary key,
    reached timestamptz not null
);

-- A final status that the customer is owed a report of. Written once.
create table report (
    account_id integer not null,
    state delivery_state not null,
    message_id bigint not null,
    done_at timestamptz not null,
    report_at timestamptz, -- when a peer told the status; null for what only our timers closed
    owed_at timestamptz not null,
    stage delivery_stage,
    number smallint not null, -- 1, then corrections
    reason text,
    primary key (account_id, message_id, number)
) partition by range (message_id);
create index report_order on report (account_id, report_at, message_id) where report_at is not null;

-- Reports that nobody was given yet, as things stood when they came to be owed. Handing one out is deleting its row; so
-- is forgetting one that nobody asked for in time.
create table report_due (
    account_id integer not null,
    state delivery_state not null,
    message_id bigint not null,
    done_at timestamptz not null,
    sent_at timestamptz not null,
    owed_at timestamptz not null,
    price bigint not null,
    stage delivery_stage,
    confirmation delivery_confirmation not null,
    network_error integer,
    number smallint not null,
    inferred boolean not null,
    reason text,
    primary key (account_id, done_at, message_id, number)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index report_due_owed on report_due using brin (owed_at) with (pages_per_range = 16, autosummarize = on);

-- What each pull handed out, one row per pull: the n-th of each array belong together.
create table report_pulled (
    account_id integer not null,
    last_id bigint not null, -- the newest of the messages
    at timestamptz not null,
    message_ids bigint[] not null,
    numbers smallint[] not null
) partition by range (last_id);

-- Customers' servers that are to be told of a status. A lane is what one account has for one server.
create table callback (
    account_id integer not null,
    lane integer not null,
    due_at timestamptz not null,
    message_id bigint not null,
    number smallint not null, -- of the report it tells of; 0: the message was handed over
    tries smallint not null default 0, -- that failed
    status smallint not null default 0, -- the last answer's; 0: there was none
    owed_at timestamptz not null,
    why text, -- the last try failed
    primary key (account_id, lane, due_at, message_id, number)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Whose the lanes are: a sender's, who knows until when, while it has something of them in hand.
create table callback_lease (
    account_id integer not null,
    lane integer not null,
    leased_until timestamptz not null,
    primary key (account_id, lane)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Callbacks that nobody makes any more by himself.
create table callback_given_up (
    account_id integer not null,
    message_id bigint not null,
    number smallint not null,
    lane integer not null,
    tries smallint not null,
    status smallint not null,
    owed_at timestamptz not null,
    given_up_at timestamptz not null,
    why text not null,
    primary key (account_id, message_id, number)
);

-- Callbacks that were delivered, together those that one transaction noted and that agree in everything but the message.
create table callback_done (
    account_id integer not null,
    first_id bigint not null,
    last_id bigint not null,
    at timestamptz not null,
    number smallint not null,
    tries smallint not null,
    status smallint not null, -- the answer's; 0: not told, because a later callback says more
    message_ids bigint[] not null
) partition by range (first_id);
alter table callback_done alter column message_ids set storage external; -- compressing it costs more than writing it
create index callback_done_ids on callback_done using gist (int8range(first_id, last_id, '[]'));

-- Money that moved, one row per account, kind and transaction; what a message was held for and charged stands
-- in its delivery and its evidence.
create table ledger (
    account_id integer not null,
    id bigint generated always as identity,
    at timestamptz not null,
    kind ledger_kind not null,
    amount bigint not null check (amount > 0),
    messages integer not null check (messages >= 0),
    note text,
    primary key (account_id, id)
);
