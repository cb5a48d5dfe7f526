import { createHistogram } from 'node:perf_hooks';
import { Pool } from 'undici';

/** Enough that below saturation they are never all in use: a request does not wait for the answer of another. */
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 0.5;

/** Milliseconds within which half of the requests were answered, and 99 of 100. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/**
 * Requests at a steady rate, whatever happens to earlier ones, each timed in microseconds from when it was due: the time that a request
 * waits to be sent during a stall counts as well. (autocannon's `overallRate` sends each second's requests at once, as fast as its
 * connections can, and reports whole milliseconds.) Timers also count in milliseconds, so each request is sent up to one millisecond late.
 */
export async function latencyAt(rate: number, url: string, seconds: number): Promise<Latency> {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const unrecorded = Math.round(rate * WARM_UP_SECONDS);
  const total = unrecorded + Math.round(rate * seconds);
  const begun = performance.now();
  let sent = 0;
  let answered = 0;
  function send(nth: number): void {
    const due = begun + (nth * 1_000) / rate;
    pool.dispatch(
      { method: 'GET', path: pathname },
      {
        onRequestStart() {},
        onResponseStart: (_controller, status) => void (status === 200 || reject(new Error(`${url} answered ${status}`))),
        onResponseData() {},
        onResponseEnd() {
          if (nth >= unrecorded) histogram.record(Math.max(1, Math.round((performance.now() - due) * 1_000)));
          answered += 1;
          if (answered === total) resolve();
        },
        onResponseError: (_controller, error) => reject(error),
      },
    );
  }
  const timer = setInterval(() => {
    const due = Math.min(total, ((performance.now() - begun) * rate) / 1_000);
    for (; sent < due; sent += 1) send(sent);
  }, 1);
  try {
    await promise;
  } finally {
    clearInterval(timer);
    await pool.destroy();
  }
  return { p50: histogram.percentile(50) / 1_000, p99: histogram.percentile(99) / 1_000 };
}
