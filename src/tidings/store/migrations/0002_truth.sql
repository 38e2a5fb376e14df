-- What matching receipts and joining long messages need to remember.

-- The number that joins the parts of the last long message to a recipient.
create table concat_reference (
    connector_id integer not null,
    recipient text not null,
    reference smallint not null check (reference between 1 and 255),
    primary key (connector_id, recipient)
) with (fillfactor = 70);

-- Receipts that only another id form than the configured one found: what `tidings doctor` suggests a setting from.
create table suspect_count (
    connector_id integer not null,
    form text not null,
    found bigint not null,
    primary key (connector_id, form)
);

-- Which couriers work on which carrier account, and how its sessions stand: the account's rate is divided between
-- those that renewed lately.
create table courier_lease (
    connector_id integer not null,
    courier_id integer not null,
    until timestamptz not null,
    binds integer not null, -- sessions there are to be
    bound integer not null,
    trouble text, -- why some are missing
    counts jsonb not null, -- of what happened since the courier's start, by word
    primary key (connector_id, courier_id)
) with (fillfactor = 50);

-- What messages from a sender are for, where it differs from the account's default.
alter table account add column sender_classes jsonb not null default '{}';
