/** How long a call that is aborted may take to return what it knows. */
const GRACE_MS = 1_000;

/** A call did not end though it was aborted: nobody waits for it any more. */
export class AbandonedCall extends Error {
  override readonly name = 'AbandonedCall';
}

/** What `work` comes to, as long as it ends soon after `signal` is aborted. @throws AbandonedCall when it does not. */
export async function withAbortGrace<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    timer = setTimeout(() => reject(new AbandonedCall('it does not end, though it was aborted')), GRACE_MS);
  };
  if (signal.aborted) wait();
  else signal.addEventListener('abort', wait, { once: true });
  try {
    return await Promise.race([work(signal), over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', wait);
  }
}
