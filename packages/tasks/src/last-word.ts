/** How long a call that is aborted may take to say what it knows. */
const LAST_WORD_MS = 1_000;

/** A call did not end though it was aborted: it is left to itself. */
export class LeftBehind extends Error {
  override readonly name = 'LeftBehind';
}

/** What `work` comes to, as long as it ends soon after `signal` is aborted. @throws LeftBehind when it does not. */
export async function withLastWord<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    timer = setTimeout(() => reject(new LeftBehind('it does not end, though it was aborted')), LAST_WORD_MS);
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
