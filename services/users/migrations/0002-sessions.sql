-- Sessions, what ends tokens, the keys that sign them, roles, service accounts, links in mails, set-up.

-- An account that another back end registered has no password until its person sets one.
alter table users alter column password_hash drop not null;
-- Rises with every new password, not when a hash is merely renewed.
alter table users add column password_version integer not null default 1;
-- An administrator whom nobody deletes, demotes or blocks; `stoa admin unprotect` alone takes it away.
alter table users add column protected boolean not null default false;
-- What an account was before it was blocked, and will be again.
alter table users add column blocked_from text check (blocked_from in ('pending', 'active'));
alter table users add constraint users_blocked_from check ((blocked_from is null) or status = 'blocked');
-- Stands in every access token; a token of an earlier version is dead.
alter table users add column token_version integer not null default 1;

create table sessions (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  -- Of the refresh token: 1 for the first, one more with each rotation.
  generation integer not null,
  -- SHA-256 of the newest refresh token, and of the one before, which is good for a short grace.
  digest bytea not null,
  previous_digest bytea,
  created_at timestamptz not null,
  refreshed_at timestamptz not null,
  -- Ends by itself: after being idle for too long, and in any case.
  idle_expires_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  -- Where it began, for its person: network address (IPv6: /64) and what the client called itself.
  address text,
  device text not null
);

-- Serves the sessions of a person, newest first; log-out everywhere; SESSION_POLICY=single; whether a device is new; the cascade.
create index sessions_of_user on sessions (user_id, id desc);
-- Serves removing sessions that are long over.
create index sessions_expiry on sessions (idle_expires_at);

-- What ends access tokens before they expire: of one session, or of all tokens of a person below a version.
create table revocations (
  -- The transaction that wrote the row: whoever asks for news asks for all since the oldest one that was running at his last
  -- question, so that a late commit is not missed.
  xid xid8 not null default pg_current_xact_id(),
  session_id uuid,
  user_id uuid,
  version integer,
  expires_at timestamptz not null,
  check ((session_id is null) <> (user_id is null)),
  check ((user_id is null) = (version is null))
);

-- Serves the feed: what is new.
create index revocations_xid on revocations (xid);
-- Serves the first question of a process, and removing what no token outlives.
create index revocations_expiry on revocations (expires_at);

-- Ed25519 keys. The newest one that is usable signs; the private half is sealed with a key from STOA_SECRET.
create table signing_keys (
  kid text primary key,
  public_key text not null,
  sealed_private_key bytea not null,
  created_at timestamptz not null,
  -- Every process has heard of the key by then.
  usable_from timestamptz not null
);

-- Own roles; `user` and `admin` are built in.
create table roles (
  name text primary key,
  permissions text[] not null,
  version integer not null,
  created_at timestamptz not null
);

-- Serves the filter by role, and whether anybody has a role that is to be deleted; the last administrator.
create index users_roles on users using gin (roles);

create table service_accounts (
  id uuid primary key,
  name text not null constraint service_accounts_name_key unique,
  -- The beginning of the key, for people; and SHA-256 of the whole.
  prefix text not null,
  digest bytea not null unique,
  permissions text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz
);

-- Wishes for a mail with a link. The token is made when the mail leaves; only its digest rests here.
create table account_links (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  purpose text not null check (purpose in ('set-password', 'reset-password', 'confirm-email')),
  -- The address to confirm.
  email text,
  requested_at timestamptz not null,
  digest bytea,
  expires_at timestamptz,
  used_at timestamptz,
  check ((purpose = 'confirm-email') = (email is not null)),
  check ((digest is null) = (expires_at is null))
);

-- Serves redeeming a token.
create unique index account_links_digest on account_links (digest);
-- Serves the budget of an account, using up all of its links, the cascade.
create index account_links_of_user on account_links (user_id, requested_at desc);
-- Serves removing old ones.
create index account_links_age on account_links (requested_at);

-- One-time codes for making the first administrator, as digests.
create table setup_codes (
  digest bytea primary key,
  expires_at timestamptz not null
);

-- Subjects are accounts, roles, service accounts, keys; a failed log-in may have none. Details hold no personal data.
alter table audit alter column subject type text using subject::text;
alter table audit alter column subject drop not null;
alter table audit add column details jsonb;
-- Serve the audit log by who and by what, newest first.
create index audit_of_actor on audit (actor, id desc);
create index audit_of_action on audit (action, id desc);
