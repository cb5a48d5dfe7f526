-- Every mail that was ever asked for: the queue of those that have not left, the audit of those that have.
create table mails (
  id uuid primary key,
  -- The order of the queue. A mail whose transaction commits late is not lost: the queue is read by status, never by "position > last".
  position bigint generated always as identity,
  status text not null default 'queued' check (
    status in ('queued', 'sending', 'sent', 'delivered', 'bounced', 'failed', 'superseded', 'suppressed', 'unknown')
  ),
  -- Why the mail is not, or not yet, sent.
  reason text,
  template text not null,
  recipient text not null,
  data jsonb not null,
  -- Set where the mail carries a code: what users is asked for when the mail leaves. The code itself is never stored.
  code_request_id uuid,
  subject text not null,
  -- The text part as it leaves, with •••• where the code stands.
  content text not null,
  -- The same in every attempt, so that a duplicate is recognisable.
  message_id text not null unique,
  -- The event that asked for the mail. One event makes at most one mail of a template, even if it is replayed next year.
  cause_id uuid not null,
  correlation_id text not null,
  traceparent text not null,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  -- The instance that has the mail in hand, while it is `sending`.
  owner uuid,
  -- Attempts that failed or whose end is unknown; waits because users or the mail server are away are deferrals.
  failures integer not null default 0,
  unknowns integer not null default 0,
  deferrals integer not null default 0,
  finished_at timestamptz,
  unique (cause_id, template),
  check ((status = 'sending') = (owner is not null))
);

-- Claim: the first mails of the queue.
create index mails_queue on mails (position) where status = 'queued';
-- Claim: when the next mail that waits for another try is due. Metrics: the oldest one.
create index mails_due on mails (due_at) where status = 'queued';
-- Reclaim: what a dead instance had in hand.
create index mails_in_hand on mails (owner) where status = 'sending';

-- Every try to hand a mail to the mail server, stored before the try and completed after it.
create table attempts (
  id uuid primary key,
  mail_id uuid not null references mails (id),
  number integer not null,
  status text not null default 'sending' check (status in ('sending', 'sent', 'failed', 'unknown')),
  transport text not null,
  instance_id uuid not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  -- The server's answer, or what went wrong.
  response text,
  -- The attempts of one mail, in order.
  unique (mail_id, number)
);

-- The token that paces all instances together: one row. `turn` counts the claims.
create table pacing (
  singleton boolean primary key default true check (singleton),
  next_at timestamptz not null default 'epoch',
  turn bigint not null default 0
);
insert into pacing default values;

-- The processes that send. One that has not been seen for ten seconds is dead, and what it had in hand is free.
create table instances (
  id uuid primary key,
  seen_at timestamptz not null default clock_timestamp()
);
