-- Searching accounts. pg_trgm is a trusted extension: the owner of the database may make it.
create extension if not exists pg_trgm;

-- Everything by which people look for an account, lower-cased, each part after a blank, so that "begins a word" is a pattern.
alter table users add column search text not null generated always as (
  ' ' || lower(coalesce(full_name, '') || ' ' || email || ' ' || coalesce(login, '') || ' ' || coalesce(phone, ''))
) stored;

-- Serves `q`: a part of it, the beginning of a word, and what is spelt alike.
create index users_search on users using gin (search gin_trgm_ops);
-- Serves the filter by status, newest first.
create index users_status on users (status, id desc);
