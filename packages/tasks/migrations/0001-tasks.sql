-- Calls to the outside that a transaction asked for: those that wait, those in hand, those that were given up. What was done moves to
-- finished_tasks.
create table tasks (
  id uuid primary key,
  -- the number of its dead letter
  number bigint generated always as identity,
  kind text not null,
  version integer not null,
  -- what is called: one that takes nothing pauses all tasks with it
  destination text not null,
  -- json, not jsonb: kept as it was written, and never searched
  data json not null,
  correlation_id text not null,
  traceparent text not null,
  tracestate text,
  created_at timestamptz not null default clock_timestamp(),
  -- when it was to run first, at the first time or after a replay: its patience begins here
  due_at timestamptz not null,
  status text not null default 'queued' check (status in ('queued', 'running', 'dead')),
  run_at timestamptz not null,
  -- the instance that has it in hand
  owner uuid,
  -- raised by each claim: a run ends its task only under the number of its own
  fence integer not null default 0,
  -- refusals and unknown ends are counted; waits because the destination is away are deferrals
  failures integer not null default 0,
  unknowns integer not null default 0,
  deferrals integer not null default 0,
  -- why it is not done
  reason text,
  failed_at timestamptz,
  replays integer not null default 0,
  replayed_at timestamptz,
  replay_id bigint,
  check ((status = 'running') = (owner is not null))
);

-- claim: the next due tasks of a kind and destination; which of these there are; metrics and health: how late they are
create index tasks_due on tasks (kind, version, destination, run_at, id) where status = 'queued';
-- reclaim: what a dead instance had in hand
create index tasks_in_hand on tasks (owner) where status = 'running';
-- dead letters: newest first; one by its number
create index tasks_dead on tasks (failed_at, number) where status = 'dead';
create index tasks_dead_number on tasks (number) where status = 'dead';

-- A queue: as many rows come as go, so that dead rows count, and not their share. Its pages are needed again at once.
alter table tasks set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- Every run of a task that is not finished, stored before the call and completed after it.
create table task_attempts (
  id uuid primary key,
  task_id uuid not null references tasks (id) on delete cascade,
  number integer not null,
  status text not null default 'running' check (status in ('running', 'done', 'failed', 'unknown')),
  -- the instance that ran it
  instance_id uuid not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  -- the answer, or what went wrong
  response text,
  -- the attempts of a task, in order
  unique (task_id, number)
);
alter table task_attempts set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- What was done, with its attempts and without its data; whole days go. Without the partition of a day rows go to the default one.
create table finished_tasks (
  id uuid not null,
  kind text not null,
  destination text not null,
  correlation_id text not null,
  created_at timestamptz not null,
  finished_at timestamptz not null default clock_timestamp(),
  -- [{ number, status, startedAt, endedAt, response }]
  attempts jsonb not null
) partition by range (finished_at);
-- what became of a task
create index finished_tasks_id on finished_tasks (id);
create table finished_tasks_default partition of finished_tasks default;

-- Destinations that take nothing for now.
create table task_pauses (
  destination text primary key,
  until timestamptz not null,
  reason text not null
);

-- The processes that run tasks. One that has not been seen for ten seconds is dead, and what it had in hand is free.
create table task_instances (
  id uuid primary key,
  seen_at timestamptz not null default clock_timestamp()
);

-- the first days; the housekeeping makes those that follow
do $$
declare
  day date;
begin
  for day in select (now() at time zone 'UTC')::date + n from generate_series(0, 3) as n loop
    execute format('create table %I partition of finished_tasks for values from (%L) to (%L)',
      'finished_tasks_' || to_char(day, 'YYYY_MM_DD'), day || ' 00:00+00', (day + 1) || ' 00:00+00');
  end loop;
end $$;
