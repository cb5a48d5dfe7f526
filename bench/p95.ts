import type { Result } from './workload.ts';

const WARM_UP = 5;

/** Milliseconds that 95 of 100 answers to each stay below, one request at a time, in turns, so that a slow minute of the machine hits all. */
export async function p95(requests: number, ...asks: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const times = asks.map((): number[] => []);
  for (let request = -WARM_UP; request < requests; request += 1) {
    for (const [which, ask] of asks.entries()) {
      const begun = performance.now();
      await ask();
      if (request >= 0) times[which]?.push(performance.now() - begun);
    }
  }
  return times.map((each) => each.sort((a, b) => a - b)[Math.floor(requests * 0.95)] as number);
}

/** @param large and small are p95, in ms. */
export const besideAThousand = (what: string, large: number, small: number, goal?: string): Result => ({
  what: `${what}: p95 with a million, beside a thousand`,
  value: large,
  unit: 'ms',
  floor: small,
  ...(goal && { goal }),
});
