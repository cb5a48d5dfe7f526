-- The copies of the service that are at work, each with what it takes: [{ "consumer", "type", "version" }]. One that was not seen for a minute
-- is not there. A row that only a newer copy takes is left to it, and one that no copy can take is told.
create table inbox_copies (
  instance_id text primary key,
  takes jsonb not null,
  seen_at timestamptz not null default clock_timestamp()
);
