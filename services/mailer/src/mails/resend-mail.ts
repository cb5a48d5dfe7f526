import type { Database } from '@stoa/postgres';
import { createContext, currentContext, type Logger, uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { mailerErrors } from '../errors.ts';
import { QUEUE_CHANNEL } from '../queue-mail.ts';
import type { MailerTables } from '../tables.ts';
import { findMail, type MailRow } from './mails.view.ts';

/** `by`: who asks for it, for the audit. `copy`: the copy's id; one that is there already was made by an earlier try of the same request. */
export type ResendMail = (id: string, by: string, copy?: string) => Promise<MailRow>;

/**
 * Puts a copy of a mail at the end of the queue, with a Message-ID of its own. A code or link is made anew when the copy leaves; if
 * it is no longer wanted, or its person was deleted, the copy then ends as superseded.
 * @throws 404 `mail_not_found`; 409 `mail_on_its_way` when a copy would make two of one.
 */
export function createResendMail(database: Database<MailerTables>, domain: string, log: Logger): ResendMail {
  return async (original, by, id = uuidv7()) => {
    const { correlationId, traceparent, tracestate } = currentContext() ?? createContext();
    const inserted = await database.query
      .insertInto('mails')
      .columns([
        'id',
        'template',
        'recipient',
        'user_id',
        'data',
        'code_request_id',
        'link_request_id',
        'subject',
        'content',
        'message_id',
        'cause_id',
        'correlation_id',
        'traceparent',
        'tracestate',
        'resend_of',
        'resent_by',
      ])
      .expression((db) =>
        db
          .selectFrom('mails')
          .select([
            sql<string>`${id}::uuid`.as('id'),
            'template',
            'recipient',
            'user_id',
            'data',
            'code_request_id',
            'link_request_id',
            'subject',
            'content',
            sql<string>`${`<${id}@${domain}>`}::text`.as('message_id'),
            // No event asked for it: it is its own cause.
            sql<string>`${id}::uuid`.as('cause_id'),
            sql<string>`${correlationId}::text`.as('correlation_id'),
            sql<string>`${traceparent}::text`.as('traceparent'),
            sql<string | null>`${tracestate ?? null}::text`.as('tracestate'),
            'mails.id as resend_of',
            sql<string>`${by}::text`.as('resent_by'),
          ])
          .where('id', '=', original)
          .where('status', 'not in', ['queued', 'sending']),
      )
      .onConflict((conflict) => conflict.column('id').doNothing())
      .executeTakeFirst();
    const copied = (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n;
    const copy = await findMail(database.query, id);
    if (copy === undefined) {
      throw (await findMail(database.query, original)) === undefined ? mailerErrors.mail_not_found() : mailerErrors.mail_on_its_way();
    }
    // Notified when it has been read, so that the answer says that it is queued.
    if (copied) {
      database.notify(QUEUE_CHANNEL);
      log.info({ mail: id, resendOf: original, by }, 'mail queued again');
    }
    return copy;
  };
}
