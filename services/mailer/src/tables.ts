import type { Narrow } from '@stoa/postgres';
import type { JSONColumnType, Selectable } from 'kysely';
import type { Tables } from './tables.generated.ts';

/** The rows of `migrations/`, with what the catalogue does not know of them. */
export interface MailerTables extends Omit<Tables, 'mails'> {
  mails: Narrow<Tables['mails'], { data: JSONColumnType<Record<string, unknown>> }>;
}

export type MailStatus = Selectable<Tables['mails']>['status'];
export type AttemptStatus = Selectable<Tables['attempts']>['status'];

/** Where a mail is on its way; `delivered`, `bounced` and `suppressed` are learned from providers that report it. */
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
] as const satisfies readonly MailStatus[];
export const ATTEMPT_STATUSES = ['sending', 'sent', 'failed', 'unknown'] as const satisfies readonly AttemptStatus[];
