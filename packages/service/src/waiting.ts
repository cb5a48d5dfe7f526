import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits for `work` for at most `timeoutMs`; after that the result is what `onTimeout` returns or throws. The work is not stopped: its
 * result is then ignored.
 * @throws what `work` throws in time; without `onTimeout` an Error when it is late.
 */
export async function withTimeout<T, Late = never>(work: Promise<T>, timeoutMs: number, onTimeout?: () => Late): Promise<T | Late> {
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  const late = timeout.then(
    onTimeout ??
      (() => {
        throw new Error(`no answer within ${timeoutMs} ms`);
      }),
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for `work` until `signal` is aborted. The work is not stopped. @throws the signal's reason when it is aborted first, or was already. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Waits for a time, or until `signal` is aborted; it does not throw. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => {});
}
