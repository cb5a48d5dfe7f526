import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { MailerTables, MailStatus } from '../tables.ts';

export interface MailFilter {
  /** In the form of `emailAddressForm`. */
  readonly to?: string | undefined;
  readonly status?: MailStatus | undefined;
  readonly template?: string | undefined;
}

const COLUMNS = [
  'id',
  'recipient as to',
  'template',
  'subject',
  'status',
  'reason',
  'created_at as createdAt',
  'finished_at as finishedAt',
  'resend_of as resendOf',
] as const;

/** Newest first, which is the order of the ids; `before` is where the last page ended. */
export function mailsQuery(db: Kysely<MailerTables>, { to, status, template }: MailFilter, limit: number, before?: string) {
  let mails = db.selectFrom('mails').select(COLUMNS);
  if (to !== undefined) mails = mails.where(sql<boolean>`lower(recipient) = ${to}::text`);
  if (status !== undefined) mails = mails.where('status', '=', status);
  if (template !== undefined) mails = mails.where('template', '=', template);
  if (before !== undefined) mails = mails.where('id', '<', before);
  return mails.orderBy('id', 'desc').limit(limit);
}

/** One mail with every try to hand it over, the first one first. */
export async function findMail(db: Kysely<MailerTables>, id: string) {
  const mail = await db
    .selectFrom('mails')
    .select([...COLUMNS, 'content as text', 'user_id as userId', 'message_id as messageId', 'correlation_id as correlationId'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (mail === undefined) return undefined;
  const attempts = await db
    .selectFrom('attempts')
    .select(['number', 'status', 'transport', 'started_at as startedAt', 'ended_at as endedAt', 'response'])
    .where('mail_id', '=', id)
    .orderBy('number')
    .execute();
  return { ...mail, attempts };
}

export type MailRow = Awaited<ReturnType<ReturnType<typeof mailsQuery>['execute']>>[number];
