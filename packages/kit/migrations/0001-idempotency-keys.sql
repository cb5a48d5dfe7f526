-- Requests that came with an Idempotency-Key, with their first answers. Nothing in it can be read without the installation's secret.
create table idempotency_keys (
  -- HMAC of caller, method, path and key
  key bytea primary key,
  -- HMAC of body and query: bodies hold passwords, which a plain digest would let anybody guess
  request bytea not null,
  -- who runs it, or ran it
  owner uuid not null,
  lease_until timestamptz not null,
  -- sealed; null while it runs
  answer bytea,
  expires_at timestamptz not null
);
-- sealed bytes do not compress
alter table idempotency_keys alter column answer set storage external;

-- prune: what expired, oldest first
create index idempotency_keys_expired on idempotency_keys (expires_at, key);
