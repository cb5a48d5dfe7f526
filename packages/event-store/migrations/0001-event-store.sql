-- What happened to each thing that the service is about, in the order it happened. Rows are only ever added.
create table events (
  stream text not null,
  -- 1, 2, 3 … of its stream, without gaps
  version integer not null check (version > 0),
  type text not null,
  -- the shape of `data`; readers bring an older one up to the present one
  event_version integer not null,
  data json not null,
  -- what is personal, sealed with the stream's key
  sealed bytea,
  metadata json not null,
  recorded_at timestamptz not null,
  -- grows over all streams, with gaps, and is given before the commit
  position bigint generated always as identity,
  -- append: one event for each version; a stream from its beginning
  primary key (stream, version),
  -- a rebuild: what comes after a position
  constraint events_position unique (position)
);

-- The key of each stream that ever held personal data. The row stays when the key is destroyed, so that no other takes its place.
create table stream_keys (
  stream text primary key,
  -- sealed with a key of the installation, so that a dump of the database alone opens nothing
  key bytea,
  destroyed_at timestamptz,
  check ((key is null) = (destroyed_at is not null))
);

-- Rebuilds that are under way; a row goes with the swap.
create table projection_rebuilds (
  projection text primary key,
  -- of the code that fills the tables, and what these were made like
  version integer not null,
  shape text not null,
  -- of the last event that was projected
  position bigint not null default 0,
  events bigint not null default 0,
  started_at timestamptz not null default now()
);

-- The tables of these rebuilds, under the names of those whose place they take.
create schema projection_rebuild;
