-- The outbox holds what waits to leave or is parked; what all subscribers have moves to outbox_sent. Copies of an older version still mark
-- rows as sent, aside or parked in the outbox itself: the housekeeping and the relay of this version take these over.

-- A row whose deliveries wait each by itself in outbox_waiting; its retry_at is set as well, and parked_at once all of these are parked.
alter table outbox add column is_split boolean not null default false;

-- the relay: the next rows; health and metrics: how many wait, and since when
create index outbox_pending on outbox (id) where sent_at is null and parked_at is null;
-- it does what this one did, also for older copies
drop index outbox_fresh;
-- the relay: the next rows of a key with many
create index outbox_key on outbox (key, id) where sent_at is null and parked_at is null and retry_at is null;
-- the relay: what an older copy set aside or parked
create index outbox_aside on outbox (id) where not is_split and sent_at is null and (retry_at is not null or parked_at is not null);
-- housekeeping: what an older copy marked as sent
alter index outbox_sent rename to outbox_marked_sent;

-- As few rows live here and many pass, the rows that are gone count, not their share: what is dead is walked over by every look.
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- What the bus took for all subscribers: kept for a resend, and dropped by whole days. Partitions are made ahead; without the one of a
-- day, or when a clock jumps, rows go to the default one.
create table outbox_sent (
  id bigint not null,
  message_id uuid not null,
  type text not null,
  version integer not null,
  key text not null,
  subscribers text[] not null,
  occurred_at timestamptz not null,
  correlation_id text not null,
  traceparent text not null,
  tracestate text,
  data json not null,
  sent_at timestamptz not null
) partition by range (sent_at);
-- a resend: what was sent since, oldest first
create index outbox_sent_order on outbox_sent (sent_at, id);
create table outbox_sent_default partition of outbox_sent default;

-- For who looks: every event that is kept, whether it has left or not.
create view outbox_events as
  select id, message_id, type, version, key, subscribers, occurred_at, correlation_id, data from outbox
  union all
  select id, message_id, type, version, key, subscribers, occurred_at, correlation_id, data from outbox_sent;

-- A delivery of an outbox row that one subscriber has not taken yet. Of a key and subscriber only the first row is tried, the others wait
-- behind it. Ids come from the outbox's sequence, so that a dead letter's id names one thing.
create table outbox_waiting (
  id bigint primary key default nextval('outbox_id_seq'),
  outbox_id bigint not null,
  subscriber text not null,
  type text not null,
  key text not null,
  is_first boolean not null,
  attempts integer not null default 0,
  reason text,
  retry_at timestamptz not null default now(),
  parked_at timestamptz,
  replays integer not null default 0,
  replayed_at timestamptz,
  replay_id bigint,
  -- setting aside: the same delivery once; whether an outbox row still has any
  constraint outbox_waiting_delivery unique (outbox_id, subscriber)
);
-- the relay: what is due for a subscriber, of a type; which of these there are
create index outbox_waiting_due on outbox_waiting (subscriber, type, retry_at, outbox_id) where is_first and parked_at is null;
-- the relay: whether something of a key waits for a subscriber, and what comes behind it
create index outbox_waiting_key on outbox_waiting (subscriber, key, outbox_id) where parked_at is null;
-- dead letters: newest first
create index outbox_waiting_parked on outbox_waiting (parked_at, id) where parked_at is not null;
alter table outbox_waiting set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- A parked delivery is a dead letter of its own, with the subscriber it is for. The second part is of an older copy, until it is split.
create or replace view dead_letters as
  select 'outbox' as box, waiting.id, null as consumer, message_id, waiting.type, version, waiting.key, occurred_at, correlation_id,
    waiting.attempts, waiting.reason, waiting.parked_at as failed_at, waiting.replays, waiting.replayed_at, data, waiting.replay_id, subscriber
  from outbox_waiting waiting join outbox on outbox.id = waiting.outbox_id where waiting.parked_at is not null
  union all
  select 'outbox', id, null, message_id, type, version, key, occurred_at, correlation_id,
    attempts, reason, parked_at, replays, replayed_at, data, replay_id, null
  from outbox where parked_at is not null and not is_split and sent_at is null
  union all
  select 'inbox', id, consumer, message_id, type, version, key, occurred_at, correlation_id,
    attempts, reason, failed_at, replays, replayed_at, data, replay_id, null
  from inbox where status = 'dead';

-- the first days; the housekeeping makes those that follow
do $$
declare
  day date;
begin
  for day in select (now() at time zone 'UTC')::date + n from generate_series(0, 3) as n loop
    execute format('create table %I partition of outbox_sent for values from (%L) to (%L)',
      'outbox_sent_' || to_char(day, 'YYYY_MM_DD'), day || ' 00:00+00', (day + 1) || ' 00:00+00');
  end loop;
end $$;
