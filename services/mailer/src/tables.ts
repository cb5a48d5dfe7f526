import type { ColumnType, Generated, JSONColumnType } from 'kysely';

/** Where a mail is on its way; `delivered`, `bounced` and `suppressed` are learned from providers that tell. */
export const MAIL_STATUSES = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'bounced',
  'failed',
  'superseded',
  'suppressed',
  'unknown',
] as const;
export type MailStatus = (typeof MAIL_STATUSES)[number];
export const ATTEMPT_STATUSES = ['sending', 'sent', 'failed', 'unknown'] as const;
export type AttemptStatus = (typeof ATTEMPT_STATUSES)[number];

/** Given by the database at insert, unless a statement sets it. */
type Timestamp = ColumnType<Date, Date | undefined, Date>;

interface Mails {
  id: string;
  position: Generated<number>;
  status: Generated<MailStatus>;
  reason: string | null;
  template: string;
  recipient: string;
  data: JSONColumnType<Record<string, unknown>>;
  code_request_id: string | null;
  link_request_id: string | null;
  user_id: string | null;
  subject: string;
  content: string;
  message_id: string;
  cause_id: string;
  correlation_id: string;
  traceparent: string;
  tracestate: Generated<string | null>;
  created_at: Timestamp;
  due_at: Timestamp;
  owner: string | null;
  failures: Generated<number>;
  unknowns: Generated<number>;
  deferrals: Generated<number>;
  finished_at: Date | null;
  resend_of: string | null;
  resent_by: string | null;
}

interface Attempts {
  id: string;
  mail_id: string;
  number: number;
  status: Generated<AttemptStatus>;
  transport: string;
  instance_id: string;
  started_at: Timestamp;
  ended_at: Date | null;
  response: string | null;
}

interface Pacing {
  singleton: Generated<boolean>;
  next_at: Timestamp;
  turn: Generated<number>;
}

interface Instances {
  id: string;
  seen_at: Timestamp;
}

interface DeletedUsers {
  user_id: string;
  deleted_at: Date;
  heard_at: Timestamp;
}

interface MailboxMessages {
  id: string;
  sender: string;
  recipients: string[];
  subject: string;
  message_id: string | null;
  content_text: string;
  content_html: string | null;
  raw: Buffer;
  received_at: Timestamp;
}

export interface MailerTables {
  mails: Mails;
  attempts: Attempts;
  pacing: Pacing;
  instances: Instances;
  deleted_users: DeletedUsers;
  mailbox_messages: MailboxMessages;
}
