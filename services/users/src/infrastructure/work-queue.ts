/** Why work was not done: nobody took it up. */
export type Refusal = 'full' | 'late';

export class WorkRefused extends Error {
  override readonly name = 'WorkRefused';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal === 'full' ? 'the queue is full' : 'waited too long in the queue');
    this.refusal = refusal;
  }
}

export interface WorkQueueOptions {
  /** Pieces of work done at the same time. */
  readonly workers: number;
  /** Pieces of work that may wait. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

export interface WorkQueue {
  /**
   * Does `work` as soon as a worker is free, first come, first served. An aborted signal takes it out of the queue, and leaves
   * it alone once begun. @throws WorkRefused at once when the queue is full, or after `maxWaitMs` in it; the signal's reason when aborted.
   */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  readonly working: number;
  readonly waiting: number;
}

/** A bounded queue before a few workers: what cannot be done in time is refused early instead of piling up. */
export function createWorkQueue({ workers, maxWaiting, maxWaitMs }: WorkQueueOptions): WorkQueue {
  const waiting = new Set<() => void>();
  let working = 0;

  async function turn(signal: AbortSignal): Promise<void> {
    if (working < workers) {
      working += 1;
      return;
    }
    if (waiting.size >= maxWaiting) throw new WorkRefused('full');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (reason: unknown) => {
      waiting.delete(resolve);
      reject(reason);
    };
    const onAbort = () => leave(signal.reason);
    const timer = setTimeout(() => leave(new WorkRefused('late')), maxWaitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    waiting.add(resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Hands the worker over without setting it free in between, so that nobody overtakes those who wait. */
  function next(): void {
    const [first] = waiting;
    if (first === undefined) working -= 1;
    else {
      waiting.delete(first);
      first();
    }
  }

  return {
    async run(work, signal) {
      signal.throwIfAborted();
      await turn(signal);
      try {
        return await work();
      } finally {
        next();
      }
    },
    get working() {
      return working;
    },
    get waiting() {
      return waiting.size;
    },
  };
}
