import type { HealthPart } from '@stoa/service';

/** A finished mail, for one recipient. */
export interface OutgoingMail {
  /** `<id@domain>`, the same in every attempt. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/**
 * What a failed try means for the mail:
 * - `permanent`: the server refuses this mail and always will;
 * - `transient`: it could not take this mail now; a later try counts as another attempt;
 * - `unavailable`: it takes no mail at all now (away, throttling, log-in refused): wait, the mail is not to blame;
 * - `unknown`: the mail was handed over and the answer is missing. It may arrive.
 */
export type FailureClass = 'permanent' | 'transient' | 'unavailable' | 'unknown';

export class SendError extends Error {
  override readonly name = 'SendError';
  readonly failure: FailureClass;

  constructor(failure: FailureClass, message: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure;
  }
}

/** The way out of Stoa. */
export interface Transport {
  /** `mailbox` or `smtp`: stored with each attempt. */
  readonly name: string;
  /**
   * Tries once, never more: what looks like one attempt in the audit is one.
   * @returns the server's answer. @throws SendError
   */
  send(mail: OutgoingMail, signal: AbortSignal): Promise<string>;
  health(): HealthPart;
  close(): Promise<void>;
}
