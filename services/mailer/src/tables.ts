import type { ColumnType, Generated, JSONColumnType } from 'kysely';

/** Where a mail is on its way; `delivered`, `bounced` and `suppressed` are learned from providers that tell. */
export type MailStatus = 'queued' | 'sending' | 'sent' | 'delivered' | 'bounced' | 'failed' | 'superseded' | 'suppressed' | 'unknown';
export type AttemptStatus = 'sending' | 'sent' | 'failed' | 'unknown';

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
  subject: string;
  content: string;
  message_id: string;
  cause_id: string;
  correlation_id: string;
  traceparent: string;
  created_at: Timestamp;
  due_at: Timestamp;
  owner: string | null;
  failures: Generated<number>;
  unknowns: Generated<number>;
  deferrals: Generated<number>;
  finished_at: Date | null;
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
  mailbox_messages: MailboxMessages;
}
