import { errors } from '../errors.ts';

/** Most clients give up before a longer wait ends. */
const MAX_WAIT_MS = 10_000;
const RETRY_AFTER_SECONDS = 5;

/**
 * Gives `work` a signal that is aborted with `signal`, and with 503 `hashing_busy` after ten seconds: one limit for all
 * queues that a request waits in. Work that heeds it only while it waits is not cut short once begun.
 */
export async function withDeadline<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const deadline = new AbortController();
  const onAbort = () => deadline.abort(signal.reason);
  const timer = setTimeout(() => deadline.abort(errors.hashing_busy({ retryAfterSeconds: RETRY_AFTER_SECONDS })), MAX_WAIT_MS);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(deadline.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
