-- What the local mailbox received (MAIL_URL=mailbox:). A development tool: the only place where a code is readable.
create table mailbox_messages (
  -- UUIDv7: newest first is the order of the primary key.
  id uuid primary key,
  sender text not null,
  recipients text[] not null,
  subject text not null,
  message_id text,
  content_text text not null,
  content_html text,
  raw bytea not null,
  received_at timestamptz not null default clock_timestamp()
);

-- The messages to one address.
create index mailbox_messages_recipients on mailbox_messages using gin (recipients);
