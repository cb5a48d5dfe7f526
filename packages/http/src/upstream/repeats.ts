/** Methods of which a repeat does no harm (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Whether the connection ended, on either side; a time-out, or an answer that cannot be read, is no reason to send again. */
export const isBroken = (code: string | undefined): boolean => BROKEN.has(code ?? '');

export interface Attempt {
  readonly method: string;
  /** Whether the request carries an `Idempotency-Key` that its route honours. */
  readonly hasKey: boolean;
  /** Whether its body, if it has one, can be sent a second time. */
  readonly isReplayable: boolean;
  /** Whether any of it may have left. */
  readonly isSent: boolean;
}

/** Whether a request that failed before the head of an answer came may be sent again. */
export function isRepeatHarmless({ method, hasKey, isReplayable, isSent }: Attempt, code: string | undefined): boolean {
  if (!isSent) return true;
  return isBroken(code) && isReplayable && (hasKey || IDEMPOTENT.has(method));
}
