import { AppError, createContext, type Logger, runInContext } from '@stoa/service';
import type { ActivationCodes } from '../activation-codes.ts';
import type { MailerMetrics } from '../metrics.ts';
import { type Code, MASK, type Renderer } from '../render.ts';
import type { MailStatus } from '../tables.ts';
import type { TemplateData, TemplateName } from '../templates.ts';
import { SendError, type Transport } from '../transports/transport.ts';
import type { Attempts } from './attempts.ts';
import type { ClaimedMail } from './claim-mails.ts';
import { afterFailure } from './retry-policy.ts';

/** Longer than any time-out inside: ends what trickles. */
const LONGEST_SEND_MS = 90_000;

export interface DeliverOptions {
  readonly attempts: Attempts;
  readonly transport: Transport;
  readonly codes: ActivationCodes;
  readonly render: Renderer;
  readonly metrics: MailerMetrics;
  readonly log: Logger;
  /** Aborted when the process must end now: what is on its way is cut off. */
  readonly signal: AbortSignal;
}

/** @returns what became of the mail; nothing when it was no longer ours. */
export type Deliver = (mail: ClaimedMail) => Promise<MailStatus | undefined>;

/**
 * Takes one claimed mail to its end or back to the queue: asks for its code, stores the attempt, sends, stores the outcome.
 * @throws only when the database is away; the caller tries again to settle.
 */
export function createDeliver({ attempts, transport, codes, render, metrics, log, signal }: DeliverOptions): Deliver {
  return (mail) => runInContext(createContext(mail), () => deliver(mail));

  async function deliver(mail: ClaimedMail): Promise<MailStatus | undefined> {
    const code = await mint(mail);
    if (code === 'gone') {
      await attempts.release(mail, { status: 'superseded' }, 'the code was not wanted any more');
      return done(mail, 'superseded');
    }
    if (code === 'away') {
      const next = afterFailure('no-code', mail);
      await attempts.release(mail, next, 'users did not answer, so there is no code to send');
      return done(mail, next.status);
    }
    const attempt = await attempts.begin(mail, transport.name);
    return attempt === undefined ? undefined : await send(mail, attempt, code);
  }

  async function mint({ id, codeRequestId }: ClaimedMail): Promise<Code | undefined | 'gone' | 'away'> {
    if (codeRequestId === null) return undefined;
    try {
      return await codes.mint(codeRequestId);
    } catch (error) {
      log.warn({ mail: id, reason: error instanceof AppError ? error.code : String(error) }, 'no code for a mail: it waits');
      return 'away';
    }
  }

  async function send(mail: ClaimedMail, attempt: string, code: Code | undefined): Promise<MailStatus> {
    const { recipient, messageId } = mail;
    const parts = render(mail.template, recipient, mail.data as TemplateData<TemplateName>, code);
    const cut = new AbortController();
    const abort = (): void => cut.abort();
    const timer = setTimeout(abort, LONGEST_SEND_MS);
    signal.addEventListener('abort', abort);
    const observe = metrics.sending.startTimer();
    try {
      const answer = await transport.send({ messageId, to: recipient, ...parts }, cut.signal);
      observe();
      await attempts.end(mail, attempt, 'sent', withoutCode(answer, code), { status: 'sent' });
      return done(mail, 'sent');
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      observe();
      return await settle(mail, attempt, error, withoutCode(error.message, code));
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
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

/** A mail server may quote what it was given. */
const withoutCode = (answer: string, code: Code | undefined): string => (code ? answer.replaceAll(code.code, MASK) : answer);
