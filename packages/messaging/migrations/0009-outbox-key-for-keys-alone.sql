-- Rows of a key with many (the relay's `ofKeys`), and nothing else: PostgreSQL 18 would take an index on (key, id) for "id > …" too, as a
-- skip scan with one search for each key that it ever held. Only a statement that says "version > 0", which all rows are, can use it.
drop index outbox_key;
create index outbox_key on outbox (key, id) where sent_at is null and parked_at is null and retry_at is null and version > 0;
