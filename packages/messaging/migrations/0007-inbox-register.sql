-- The messages that a consumer was ever given, so that one that comes again is ignored: `inbox` itself holds only what waits or is dead.
-- A slot is a week of message ids (UUIDv7 begins with its time), twelve weeks in turn, and is emptied whole once the newest row in it is old
-- enough. Ids of any other kind have the slot -1, which is pruned row by row.
create table inbox_seen (
  slot smallint not null,
  message_id uuid not null,
  consumer text not null,
  seen_at timestamptz not null default clock_timestamp(),
  -- accept: whether the consumer was given the message already
  primary key (slot, message_id, consumer)
) partition by list (slot);

create table inbox_seen_other partition of inbox_seen for values in (-1);
-- pruning: the oldest first
create index inbox_seen_other_age on inbox_seen_other (seen_at);

do $$ begin
  for slot in 0..11 loop
    execute format('create table inbox_seen_%1$s partition of inbox_seen for values in (%1$s)', slot);
    -- emptying: whether a slot has a row that is too young
    execute format('create index inbox_seen_%1$s_age on inbox_seen_%1$s using brin (seen_at) with (autosummarize = on)', slot);
  end loop;
end $$;

create function inbox_slot(message_id uuid) returns smallint language sql immutable parallel safe as $$
  select (case when substr(message_id::text, 15, 1) = '7'
    then ('x' || translate(left(message_id::text, 13), '-', ''))::bit(48)::bigint / 604800000 % 12
    else -1 end)::smallint
$$;

-- `registered`: the message stands in inbox_seen, or nothing can bring it again (a job without an id of its caller's).
-- `delayed`: it has a time of its own, as a scheduled job or after a failure; the others are due from the moment they are there.
alter table inbox
  add column registered boolean not null default false,
  add column delayed boolean not null default false,
  -- when it was written, and not when its transaction began
  alter column run_at set default clock_timestamp();

update inbox set delayed = true where status = 'pending' and run_at > now();

-- a worker: the consumer's rows with a time of their own; the next of them. Those without are found by inbox_order.
create index inbox_delayed on inbox (consumer, run_at, id) where status = 'pending' and (delayed or attempts > 0 or replays > 0);

-- A queue: as many rows come as go, so that dead rows count, and not their share. Its pages are needed again at once, and giving them
-- back to the file system would lock out who works on it.
alter table inbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);

-- A process of an earlier version knows nothing of the register: what it inserts is registered here, and left out where it is known.
create function register_inbox() returns trigger language plpgsql as $$
begin
  insert into inbox_seen (slot, message_id, consumer) values (inbox_slot(new.message_id), new.message_id, new.consumer)
    on conflict do nothing;
  if not found then
    return null;
  end if;
  new.registered := true;
  new.delayed := new.delayed or new.run_at > clock_timestamp();
  new.run_at := greatest(new.run_at, clock_timestamp());
  return new;
end $$;

create trigger inbox_registered before insert on inbox
  for each row when (not new.registered) execute function register_inbox();
