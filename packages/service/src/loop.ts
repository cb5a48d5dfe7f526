export interface LoopOptions {
  /** Does one round of work. @returns how long to wait before the next one, in milliseconds; 0 = there may be more right now. */
  readonly step: (stopping: AbortSignal) => Promise<number>;
  /** Called on the `failures`-th failure in a row, also while the loop stops. @returns how long to wait; a wake-up does not shorten it. */
  readonly onFailure: (error: unknown, failures: number, stopping: AbortSignal) => number;
}

export interface Loop {
  /** Ends the present wait; while a step runs, the one after it follows at once. */
  wake(): void;
  /** Resolves when the running step has ended. */
  stop(): Promise<void>;
}

/** Runs rounds of work until it is stopped. */
export function startLoop({ step, onFailure }: LoopOptions): Loop {
  const stopping = new AbortController();
  let failures = 0;
  let woken = false;
  let endWait = (): void => {};

  const wait = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  async function round(): Promise<number> {
    woken = false;
    try {
      const pause = await step(stopping.signal);
      failures = 0;
      return woken ? 0 : pause;
    } catch (error) {
      failures += 1;
      return onFailure(error, failures, stopping.signal);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const pause = await round();
      if (pause > 0 && !stopping.signal.aborted) await wait(pause);
    }
  }

  const ended = run();
  return {
    wake() {
      woken = true;
      if (failures === 0) endWait();
    },
    async stop() {
      stopping.abort();
      endWait();
      await ended;
    },
  };
}
