import { errorType, type HealthPart, inSpan, type Logger, type Metrics } from '@stoa/service';
import {
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  type IBackoff,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import { createCallMetrics } from './call-metrics.ts';
import { LeftBehind, withLastWord } from './last-word.ts';

export interface ExternalServiceOptions {
  /** `stripe`: its part in health, its label in metrics. */
  readonly name: string;
  /** Our own service, which makes the calls. */
  readonly service: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Of one call, from when it is begun. */
  readonly timeoutMs: number;
  /** Most calls at once in this process (bulkhead). */
  readonly concurrency: number;
  /** As many wait for their turn; more are refused. */
  readonly queue?: number;
  /** Calls without an answer, one after the other, that open the circuit; it lets one through again after `openMs`. */
  readonly failures?: number;
  readonly openMs?: number;
  /** Whether an error that a call throws is an answer: the service is there, and refuses this one. By default none is. */
  isAnswer?(error: unknown): boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** A service that is not ours, as this process calls it: with a time-out, a circuit breaker and a bulkhead. */
export interface ExternalService {
  /**
   * @param work ends soon after its signal is aborted, with its own result; else it is left behind.
   * @param signal ends the call before its time, and is no failure of the service.
   * @throws ExternalServiceError, or what `work` throws.
   */
  call<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Not `ok` while the circuit is open: the process is degraded, and what needs the service waits. */
  health(): HealthPart;
}

/** A call that brought no answer, by our own doing. `outcome` is what it means for a task. */
export class ExternalServiceError extends Error {
  override readonly name = 'ExternalServiceError';
  /** `unavailable`: not sent, the circuit is open. `transient`: not sent, too many are under way. `unknown`: sent, and given up. */
  readonly outcome: 'unavailable' | 'transient' | 'unknown';

  constructor(outcome: ExternalServiceError['outcome'], message: string) {
    super(message);
    this.outcome = outcome;
  }
}

type Settled<T> = { readonly value: T } | { readonly error: unknown; readonly isFailure: boolean };

export function createExternalService(options: ExternalServiceOptions): ExternalService {
  const { name, service, log, timeoutMs, concurrency, queue = 100, failures = 5, openMs = 5_000, isAnswer = () => false } = options;
  const { now = () => performance.now() } = options;
  const metrics = createCallMetrics(options.metrics, { service, target: name });
  const slots = bulkhead(concurrency, queue);
  // An answer that refuses is a success here, also in a row of failures.
  const breaker = circuitBreaker(
    handleWhenResult((settled) => (settled as { readonly isFailure?: boolean }).isFailure === true),
    { breaker: new ConsecutiveBreaker(failures), halfOpenAfter: wait(openMs, now) },
  );
  const limit = timeout(timeoutMs, TimeoutStrategy.Cooperative);
  let trouble = '';
  breaker.onStateChange((state) => {
    metrics.circuit(state !== CircuitState.Closed);
    if (state === CircuitState.Open) log.warn({ target: name, reason: trouble }, 'circuit open: an external service does not answer');
    if (state === CircuitState.Closed) log.info({ target: name }, 'circuit closed: an external service answers again');
  });

  /** One call, begun now. Never rejects, so that the breaker sees what came of it. */
  async function begin<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<Settled<T>> {
    const observe = metrics.begin();
    /** Why the call was aborted before it ended. */
    let cut: { readonly reason: unknown } | undefined;
    try {
      const value = await limit.execute(async (_context, inner) => {
        try {
          return await withLastWord(work, inner);
        } catch (error) {
          if (inner.aborted) cut = { reason: inner.reason };
          throw error;
        }
      }, signal);
      observe('answered');
      return { value };
    } catch (thrown) {
      const isAborted = signal?.aborted === true;
      const isLate = cut !== undefined && !isAborted;
      const isFailure = !isAborted && (isLate || !isAnswer(thrown));
      if (isFailure) trouble = isLate ? 'time-out' : errorType(thrown);
      observe(isAborted ? 'aborted' : isLate ? 'timeout' : isFailure ? 'failed' : 'refused');
      const hasNoWord = cut !== undefined && (thrown instanceof LeftBehind || thrown === cut.reason || isAbortError(thrown));
      const error = hasNoWord ? new ExternalServiceError('unknown', isAborted ? 'aborted' : `no answer within ${timeoutMs} ms`) : thrown;
      return { error, isFailure };
    }
  }

  return {
    call: (work, signal) =>
      inSpan(
        () => ({ kind: 'client', name: `call ${name}`, attributes: { 'peer.service': name } }),
        async () => {
          try {
            const settled = await slots.execute(() => breaker.execute(() => begin(work, signal)), signal);
            if ('value' in settled) return settled.value;
            throw settled.error;
          } catch (error) {
            if (isBrokenCircuitError(error)) {
              metrics.refused('circuit-open');
              throw new ExternalServiceError('unavailable', `not called: the circuit is open (${trouble})`);
            }
            if (isBulkheadRejectedError(error)) {
              metrics.refused('bulkhead-full');
              throw new ExternalServiceError('transient', 'not called: too many calls are under way');
            }
            // Its signal was aborted while it waited for its turn.
            if (isTaskCancelledError(error)) throw new ExternalServiceError('transient', 'not called: aborted');
            throw error;
          }
        },
      ),
    health: () => ({
      name,
      background: true,
      ok: breaker.state === CircuitState.Closed,
      ...(breaker.state !== CircuitState.Closed && { detail: `the last calls had no answer: ${trouble}` }),
    }),
  };
}

/** What `fetch` and the like reject with when their signal is aborted. */
const isAbortError = (error: unknown): boolean => error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name);

/**
 * Cockatiel compares with `Date.now()`, and would keep the circuit open for an hour more when the clock is set back by one. It asks for the
 * duration each time, so that this one tells by a clock that never goes back whether the wait is over.
 */
function wait(openMs: number, now: () => number) {
  const next = (): IBackoff<unknown> => {
    const until = now() + openMs;
    return {
      get duration() {
        return now() < until ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
      },
      next,
    };
  };
  return { next };
}
