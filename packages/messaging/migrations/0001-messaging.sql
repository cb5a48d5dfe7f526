-- The outbox: what a transaction appended, published by the relay. The order of `id` is the order of appending, not of
-- committing: a reader must go by "not sent yet", never by "greater than the last id".
create table outbox (
  id bigint generated always as identity primary key,
  message_id uuid not null,
  type text not null,
  version integer not null,
  key text not null,
  subscribers text[] not null,
  occurred_at timestamptz not null default now(),
  correlation_id text not null,
  traceparent text not null,
  -- json, not jsonb: kept as it was written, and never searched
  data json not null,
  attempts integer not null default 0,
  reason text,
  -- set once the bus did not take the row: from then on the row is published by itself, when this is due
  retry_at timestamptz,
  sent_at timestamptz,
  parked_at timestamptz,
  replays integer not null default 0,
  replayed_at timestamptz
);

-- the relay: the next rows that were not tried yet; health and metrics: the oldest of them
create index outbox_fresh on outbox (id) where sent_at is null and parked_at is null and retry_at is null;
-- the relay: rows to try again, and whether one of them holds up a later row of its key
create index outbox_retry on outbox (key, id) where sent_at is null and parked_at is null and retry_at is not null;
-- pruning: sent rows, oldest first
create index outbox_sent on outbox (sent_at) where sent_at is not null;
-- dead letters: newest first
create index outbox_parked on outbox (parked_at, id) where parked_at is not null;

-- The inbox: every message and job that a consumer of this service has, had, or gave up.
create table inbox (
  id bigint generated always as identity primary key,
  consumer text not null,
  message_id uuid not null,
  type text not null,
  version integer not null,
  source text not null,
  key text not null,
  occurred_at timestamptz not null,
  correlation_id text not null,
  traceparent text not null,
  data json not null,
  status text not null default 'pending' check (status in ('pending', 'done', 'dead')),
  run_at timestamptz not null default now(),
  attempts integer not null default 0,
  reason text,
  failed_at timestamptz,
  done_at timestamptz,
  replays integer not null default 0,
  replayed_at timestamptz,
  -- accept: the same message comes again and is ignored
  constraint inbox_message unique (consumer, message_id)
);

-- a worker: the consumer's next due rows; when the next one will be due; metrics: how many wait
create index inbox_due on inbox (consumer, run_at, id) where status = 'pending';
-- a worker of an ordered consumer: the consumer's next rows in the order they came
create index inbox_order on inbox (consumer, id) where status = 'pending';
-- pruning: done rows, oldest first
create index inbox_done on inbox (done_at) where status = 'done';
-- dead letters: newest first; metrics: how many there are
create index inbox_dead on inbox (failed_at, id) where status = 'dead';

-- Jobs that are enqueued every so often. The row's lock decides which process does it.
create table cron (
  job text primary key,
  every_seconds integer not null check (every_seconds > 0),
  next_at timestamptz not null default now()
);

-- What could not be published and what could not be handled, in one list.
create view dead_letters as
  select 'outbox' as box, id, null as consumer, message_id, type, version, key, occurred_at, correlation_id,
    attempts, reason, parked_at as failed_at, replays, replayed_at, data
  from outbox where parked_at is not null
  union all
  select 'inbox', id, consumer, message_id, type, version, key, occurred_at, correlation_id,
    attempts, reason, failed_at, replays, replayed_at, data
  from inbox where status = 'dead';

-- Wakes the relay of whichever process leads.
create function notify_outbox() returns trigger language plpgsql as $$
begin
  perform pg_notify('outbox', '');
  return null;
end $$;

create trigger outbox_appended after insert on outbox
  for each statement execute function notify_outbox();

-- Wakes the workers of the consumers that got something, in every process.
create function notify_inbox() returns trigger language plpgsql as $$
begin
  perform pg_notify('inbox', consumer) from (select distinct consumer from added) as consumers;
  return null;
end $$;

create trigger inbox_accepted after insert on inbox referencing new table as added
  for each statement execute function notify_inbox();
