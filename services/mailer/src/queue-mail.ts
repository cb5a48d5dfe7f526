import type { Database } from '@stoa/postgres';
import { currentContext, uuidv7 } from '@stoa/service';
import type { Transaction } from 'kysely';
import type { Renderer } from './render.ts';
import type { MailerTables } from './tables.ts';
import { type TemplateData, type TemplateName, templateOf, type templates } from './templates.ts';

/** Notified whenever a mail is ready to leave. */
export const QUEUE_CHANNEL = 'mail_queued';
/** Sent on the same channel when the next turn comes earlier than senders expect. */
export const PACE_CHANGED = 'pace';

export type MailRequest<Name extends TemplateName> = {
  readonly template: Name;
  readonly recipient: string;
  /** The person it is for, who gets it no more once deleted. */
  readonly userId: string;
  readonly data: TemplateData<Name>;
  /** The event that asks for the mail. */
  readonly cause: { readonly id: string; readonly correlationId: string; readonly traceparent: string; readonly tracestate?: string };
} & ((typeof templates)[Name] extends { readonly carries: string }
  ? {
      /** What is requested from users when the mail leaves. */
      readonly requestId: string;
    }
  : { readonly requestId?: undefined });

export interface QueueMailOptions {
  readonly database: Database<MailerTables>;
  readonly render: Renderer;
  /** Domain of the Message-IDs. */
  readonly domain: string;
}

/**
 * Puts a mail at the end of the queue, on the caller's transaction. It is rendered here once, without its secret: what cannot
 * be rendered fails now, as a dead letter with a reason, and not at the head of the queue.
 */
export async function queueMail<Name extends TemplateName>(
  tx: Transaction<MailerTables>,
  { template, recipient, userId, data, requestId = undefined, cause }: MailRequest<Name>,
  { database, render, domain }: QueueMailOptions,
): Promise<void> {
  const { subject, text } = render(template, recipient, data);
  const { carries } = templateOf(template);
  const id = uuidv7();
  await tx
    .insertInto('mails')
    .values({
      id,
      template,
      recipient,
      user_id: userId,
      data: JSON.stringify(data),
      code_request_id: carries === 'code' ? (requestId ?? null) : null,
      link_request_id: carries === 'link' ? (requestId ?? null) : null,
      subject,
      content: text,
      message_id: `<${id}@${domain}>`,
      cause_id: cause.id,
      correlation_id: cause.correlationId,
      // Of the handler that runs, which is the one that puts it there.
      traceparent: currentContext()?.traceparent ?? cause.traceparent,
      tracestate: cause.tracestate ?? null,
    })
    .onConflict((conflict) => conflict.columns(['cause_id', 'template']).doNothing())
    .execute();
  database.afterCommit(tx, () => database.notify(QUEUE_CHANNEL));
}
