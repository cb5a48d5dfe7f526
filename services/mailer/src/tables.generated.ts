// Made by `npm run reports` from the migrations.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface Tables {
  attempts: {
    id: string;
    mail_id: string;
    number: number;
    status: Generated<'sending' | 'sent' | 'failed' | 'unknown'>;
    transport: string;
    instance_id: string;
    started_at: Generated<Date>;
    ended_at: Date | null;
    response: string | null;
  };
  deleted_users: {
    user_id: string;
    deleted_at: Date;
    heard_at: Generated<Date>;
  };
  instances: {
    id: string;
    seen_at: Generated<Date>;
  };
  mailbox_messages: {
    id: string;
    sender: string;
    recipients: readonly string[];
    subject: string;
    message_id: string | null;
    content_text: string;
    content_html: string | null;
    raw: Buffer;
    received_at: Generated<Date>;
  };
  mails: {
    id: string;
    position: GeneratedAlways<number>;
    status: Generated<'queued' | 'sending' | 'sent' | 'delivered' | 'bounced' | 'failed' | 'superseded' | 'suppressed' | 'unknown'>;
    reason: string | null;
    template: string;
    recipient: string;
    data: ColumnType<unknown, string, string>;
    code_request_id: string | null;
    subject: string;
    content: string;
    message_id: string;
    cause_id: string;
    correlation_id: string;
    traceparent: string;
    created_at: Generated<Date>;
    due_at: Generated<Date>;
    owner: string | null;
    failures: Generated<number>;
    unknowns: Generated<number>;
    deferrals: Generated<number>;
    finished_at: Date | null;
    user_id: string | null;
    link_request_id: string | null;
    resend_of: string | null;
    resent_by: string | null;
    tracestate: string | null;
    fence: Generated<number>;
  };
  pacing: {
    singleton: Generated<boolean>;
    next_at: Generated<Date>;
    turn: Generated<number>;
    written_at: Generated<Date>;
  };
}
