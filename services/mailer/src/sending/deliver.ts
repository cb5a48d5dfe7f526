import { AppError, inReceivedSpan, inSpan, type Logger } from '@stoa/service';
import type { MailerMetrics } from '../metrics.ts';
import { DELETED_REASON } from '../on-user-deleted.ts';
import type { Rendered, Renderer } from '../render.ts';
import { type Secret, type Secrets, withoutSecret } from '../secrets.ts';
import type { MailStatus } from '../tables.ts';
import type { TemplateData, TemplateName } from '../templates.ts';
import { SendError, type Transport } from '../transports/transport.ts';
import type { Attempts } from './attempts.ts';
import type { ClaimedMail } from './claim-mails.ts';
import { afterFailure } from './retry-policy.ts';

export interface DeliverOptions {
  readonly attempts: Attempts;
  readonly transport: Transport;
  readonly secrets: Secrets;
  readonly render: Renderer;
  readonly metrics: MailerMetrics;
  readonly log: Logger;
  /** Aborted when the process must end now: what is on its way is cut off. */
  readonly signal: AbortSignal;
}

/** @returns what became of the mail; nothing when it was no longer ours. */
export type Deliver = (mail: ClaimedMail) => Promise<MailStatus | undefined>;

/**
 * Takes one claimed mail to its end or back to the queue: asks for its secret, stores the attempt, sends, stores the outcome.
 * @throws only when the database is away; the caller tries again to settle.
 */
export function createDeliver({ attempts, transport, secrets, render, metrics, log, signal }: DeliverOptions): Deliver {
  return (mail) =>
    inReceivedSpan(
      mail,
      () => ({ kind: 'consumer', name: `deliver ${mail.template}`, attributes: { 'stoa.mail.template': mail.template } }),
      async (span) => {
        const status = await deliver(mail);
        span?.set({ 'stoa.mail.status': status });
        return status;
      },
    );

  async function deliver(mail: ClaimedMail): Promise<MailStatus | undefined> {
    if (mail.isUserDeleted) return await supersede(mail, DELETED_REASON);
    const secret = await mint(mail);
    if (secret === 'gone') return await supersede(mail, 'the code or link was not wanted any more');
    if (secret === 'away') {
      const next = afterFailure('no-secret', mail);
      await attempts.release(mail, next, 'users did not answer, so there is no code or link to send');
      return done(mail, next.status);
    }
    // What cannot be rendered is no attempt.
    const parts = render(mail.template, mail.recipient, mail.data as TemplateData<TemplateName>, secret);
    const attempt = await attempts.begin(mail, transport.name);
    return attempt === undefined ? undefined : await send(mail, attempt, parts, secret);
  }

  async function supersede(mail: ClaimedMail, reason: string): Promise<MailStatus> {
    await attempts.release(mail, { status: 'superseded' }, reason);
    return done(mail, 'superseded');
  }

  async function mint({ id, secretRequest }: ClaimedMail): Promise<Secret | undefined | 'gone' | 'away'> {
    if (secretRequest === undefined) return undefined;
    try {
      return await secrets.mint(secretRequest);
    } catch (error) {
      log.warn({ mail: id, reason: error instanceof AppError ? error.code : String(error) }, 'no code or link for a mail: it waits');
      return 'away';
    }
  }

  async function send(mail: ClaimedMail, attempt: string, parts: Rendered, secret: Secret | undefined): Promise<MailStatus> {
    const { recipient, messageId } = mail;
    const observe = metrics.sending.startTimer();
    try {
      const answer = await inSpan(
        () => ({ kind: 'client', name: 'send mail', attributes: {} }),
        () => transport.send({ messageId, to: recipient, ...parts }, signal),
      );
      observe();
      await attempts.end(mail, attempt, 'sent', withoutSecret(answer, secret), { status: 'sent' });
      return done(mail, 'sent');
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      observe();
      return await settle(mail, attempt, error, withoutSecret(error.message, secret));
    }
  }

  async function settle(mail: ClaimedMail, attempt: string, { failure }: SendError, answer: string): Promise<MailStatus> {
    const next = afterFailure(failure, mail);
    log.warn({ mail: mail.id, failure, answer, next: next.status }, 'a mail was not taken');
    await attempts.end(mail, attempt, failure === 'unknown' ? 'unknown' : 'failed', answer, next);
    return done(mail, next.status);
  }

  function done({ id, template }: ClaimedMail, status: MailStatus): MailStatus {
    if (status !== 'queued') {
      metrics.mails.inc({ template, status });
      log.info({ mail: id, template, status }, 'mail finished');
    }
    return status;
  }
}
