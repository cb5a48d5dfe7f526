-- Mails with links, notices, and what becomes of the mails of a person who is gone.

-- Whose mail it is; null for those that were asked for before this was known.
alter table mails add column user_id uuid;
-- Set where the mail carries a link: what users is asked for when the mail leaves. Its token is never stored.
alter table mails add column link_request_id uuid check (link_request_id is null or code_request_id is null);

-- A person is deleted: what still waits for him.
create index mails_waiting_of_user on mails (user_id) where status = 'queued';

-- Persons whose accounts are gone. It is looked at when a mail leaves, so that it does not matter whether the deletion or what was
-- asked before it is heard first. Kept for longer than an event can be replayed.
create table deleted_users (
  user_id uuid primary key,
  deleted_at timestamptz not null,
  heard_at timestamptz not null default now()
);

-- Clean-up: the oldest.
create index deleted_users_heard on deleted_users (heard_at);
