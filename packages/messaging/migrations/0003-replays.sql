-- Who had dead letters tried again: when, which, how fast and how many. A row says so before its letters move, and counts them batch by batch.
create table dead_letter_replays (
  id bigint generated always as identity primary key,
  requested_at timestamptz not null default now(),
  requested_by text not null,
  -- as it was asked for; {"id": "inbox-17"} for a single letter
  filter jsonb not null,
  per_second double precision not null,
  replayed integer not null default 0,
  finished_at timestamptz
);

-- the last replay that moved the row
alter table outbox add column replay_id bigint;
alter table inbox add column replay_id bigint;

create or replace view dead_letters as
  select 'outbox' as box, id, null as consumer, message_id, type, version, key, occurred_at, correlation_id,
    attempts, reason, parked_at as failed_at, replays, replayed_at, data, replay_id
  from outbox where parked_at is not null
  union all
  select 'inbox', id, consumer, message_id, type, version, key, occurred_at, correlation_id,
    attempts, reason, failed_at, replays, replayed_at, data, replay_id
  from inbox where status = 'dead';
