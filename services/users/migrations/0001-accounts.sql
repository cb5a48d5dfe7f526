-- Accounts, the ledger of their codes, the live codes, and the audit log. Ids are made by the application (UUIDv7).

create table users (
  id uuid primary key,
  -- All three in one form only (lower case, A-label, E.164), so that plain equality is the uniqueness that people expect.
  email text not null,
  login text,
  phone text,
  full_name text,
  password_hash text not null,
  status text not null check (status in ('pending', 'active', 'blocked')),
  roles text[] not null,
  code_requested_at timestamptz not null,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- The last judge of uniqueness, and the look-up by e-mail of Basic. Where several are broken the first is reported.
  constraint users_email_key unique (email),
  -- The same for phone and login; look-up by either serves logging in.
  constraint users_phone_key unique (phone),
  constraint users_login_key unique (login)
);

-- Serves remove-pending-users: the pending accounts whose last code is oldest. Partial, as few accounts are pending.
create index users_pending on users (code_requested_at, id) where status = 'pending';

create table activation_requests (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  -- 1 for the registration's, then rising by one under the lock of the user's row.
  number integer not null,
  requested_at timestamptz not null,
  -- Serves the newest requests of an account (budget, minting), read backwards; and the cascade from users.
  unique (user_id, number)
);

-- At most one live code per account. Only its digest rests here.
create table activation_codes (
  user_id uuid primary key references users (id) on delete cascade,
  request_id uuid not null,
  request_number integer not null,
  digest bytea not null,
  tries integer not null,
  expires_at timestamptz not null
);

-- Serves removing the codes of accounts that are active long since.
create index activation_codes_expiry on activation_codes (expires_at);

-- Who did what, when. Ids only: no name, address of mail or number, so that nothing has to be removed with a person.
create table audit (
  id uuid primary key,
  at timestamptz not null,
  action text not null,
  -- 'anonymous', 'user:<id>', 'service:<name>' or 'system'.
  actor text not null,
  -- The account that the action was done to. No foreign key: the entry outlives it.
  subject uuid not null,
  -- The client's network address (IPv6: its /64); null for background work.
  address text,
  correlation_id text not null
);

-- Serves the history of one account, newest first.
create index audit_of_subject on audit (subject, id desc);

create function refuse_to_change_audit() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger audit_is_append_only before update or delete or truncate on audit
  for each statement execute function refuse_to_change_audit();
