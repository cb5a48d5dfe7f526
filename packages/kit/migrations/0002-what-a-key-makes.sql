-- The id of what the request makes, the same for each try: who takes over from one that died sees whether it is made already.
alter table idempotency_keys add column makes uuid not null default gen_random_uuid();
