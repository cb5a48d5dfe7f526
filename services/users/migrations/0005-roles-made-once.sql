-- The id that a request with an Idempotency-Key had reserved for the role: its repeat finds by it what it has made already.
alter table roles add column reserved_id uuid;
