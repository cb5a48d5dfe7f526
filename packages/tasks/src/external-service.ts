import { abortable, errorType, type HealthPart, inSpan, type Logger, type Metrics } from '@stoa/service';
import {
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  type IBackoff,
  type IHalfOpenAfterBackoffContext,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import { AbandonedCall, withAbortGrace } from './abort-grace.ts';
import { createCallMetrics } from './call-metrics.ts';

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
   * @param work ends soon after its signal is aborted, with its own result; else nobody waits for it any more.
   * @param signal ends the call before its time, and is neither a failure nor an answer of the service.
   * @throws ExternalServiceError, or what `work` throws.
   */
  call<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Not `ok` while the circuit is open and lets no call through: the process is degraded, and what needs the service waits. */
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

type Settled<T> = { readonly value: T } | { readonly error: unknown; readonly isFailure: boolean; readonly isAborted?: boolean };

/** A call that says nothing of the service. Thrown, as the breaker counts no thrown error while the circuit is closed. */
class AbortedCall {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export function createExternalService(options: ExternalServiceOptions): ExternalService {
  const { name, service, log, timeoutMs, concurrency, queue = 100, failures = 5, openMs = 5_000, isAnswer = () => false } = options;
  const { now = () => performance.now() } = options;
  const metrics = createCallMetrics(options.metrics, { service, target: name });
  const slots = bulkhead(concurrency, queue);
  const wait = createWait(openMs, now);
  // An answer that refuses is a success here, also in a row of failures.
  const breaker = circuitBreaker(
    handleWhenResult((settled) => (settled as { readonly isFailure?: boolean }).isFailure === true),
    { breaker: new ConsecutiveBreaker(failures), halfOpenAfter: wait },
  );
  const limit = timeout(timeoutMs, TimeoutStrategy.Cooperative);
  let trouble = '';
  breaker.onStateChange((state) => {
    metrics.circuit(state !== CircuitState.Closed);
    if (state === CircuitState.Open) log.warn({ target: name, reason: trouble }, 'circuit open: an external service does not answer');
    if (state === CircuitState.Closed) log.info({ target: name }, 'circuit closed: an external service answers again');
  });

  /**
   * What an aborted call is to the breaker. As the trial of an open circuit it counts as a failure, since whatever else ends a trial closes
   * the circuit. @throws AbortedCall in a closed circuit.
   */
  function leave(error: unknown, isTrial: boolean): Settled<never> {
    if (!isTrial) throw new AbortedCall(error);
    return { error, isFailure: true, isAborted: true };
  }

  /** One call, begun now. Rejects for one that is aborted alone, so that the breaker sees what came of it. */
  async function begin<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<Settled<T>> {
    const isTrial = breaker.state === CircuitState.HalfOpen;
    // While it waited for the trial of another call.
    if (signal?.aborted) return leave(notCalled(), isTrial);
    const observe = metrics.begin();
    /** Why the call was aborted before it ended. */
    let cut: { readonly reason: unknown } | undefined;
    try {
      const value = await limit.execute(async (_context, inner) => {
        try {
          return await withAbortGrace(work, inner);
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
      const hasNoResult = cut !== undefined && (thrown instanceof AbandonedCall || thrown === cut.reason || isAbortError(thrown));
      const isFailure = isLate || hasNoResult || !isAnswer(thrown);
      if (isFailure && !isAborted) trouble = isLate ? 'time-out' : errorType(thrown);
      observe(isAborted ? 'aborted' : isLate ? 'timeout' : isFailure ? 'failed' : 'refused');
      const error = hasNoResult ? new ExternalServiceError('unknown', isAborted ? 'aborted' : `no answer within ${timeoutMs} ms`) : thrown;
      return isAborted && isFailure ? leave(error, isTrial) : { error, isFailure };
    }
  }

  /** An abort ends the wait for the trial of another call. What has begun ends by itself. */
  async function throughCircuit<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<Settled<T>> {
    let isBegun = false;
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const settled = breaker.execute(() => {
      isBegun = true;
      resolve();
      return begin(work, signal);
    });
    if (isBegun || signal === undefined) return await settled;
    try {
      await abortable(Promise.race([begun, settled]), signal);
    } catch (error) {
      if (!isBegun) {
        settled.catch(() => {});
        throw signal.aborted ? new AbortedCall(notCalled()) : error;
      }
    }
    return await settled;
  }

  return {
    call: (work, signal) =>
      inSpan(
        () => ({ kind: 'client', name: `call ${name}`, attributes: { 'peer.service': name } }),
        async () => {
          try {
            const settled = await slots.execute(() => throughCircuit(work, signal), signal);
            if ('value' in settled) return settled.value;
            throw settled.error;
          } catch (error) {
            if (error instanceof AbortedCall) throw error.error;
            if (isBrokenCircuitError(error)) {
              metrics.refused('circuit-open');
              throw new ExternalServiceError('unavailable', `not called: the circuit is open (${trouble})`);
            }
            if (isBulkheadRejectedError(error)) {
              metrics.refused('bulkhead-full');
              throw new ExternalServiceError('transient', 'not called: too many calls are under way');
            }
            // Its signal was aborted while it waited for its turn.
            if (isTaskCancelledError(error)) throw notCalled();
            throw error;
          }
        },
      ),
    health() {
      // The breaker leaves this state with a call only, and there may be none.
      const ok = breaker.state === CircuitState.Closed || (breaker.state === CircuitState.Open && wait.isOver());
      return { name, background: true, ok, ...(!ok && { detail: `the last calls had no answer: ${trouble}` }) };
    },
  };
}

const notCalled = (): ExternalServiceError => new ExternalServiceError('transient', 'not called: aborted');

/** What `fetch` and the like reject with when their signal is aborted. */
const isAbortError = (error: unknown): boolean => error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name);

/**
 * Cockatiel compares with `Date.now()`, and would keep the circuit open for an hour more when the clock is set back by one. It asks for the
 * duration each time, so that this one tells by a clock that never goes back whether the wait is over. An aborted trial begins no new wait.
 */
function createWait(openMs: number, now: () => number) {
  let until = 0;
  const isOver = (): boolean => now() >= until;
  const next = ({ result }: IHalfOpenAfterBackoffContext): IBackoff<IHalfOpenAfterBackoffContext> => {
    const settled = 'value' in result ? (result.value as Settled<unknown>) : undefined;
    if (!(settled && 'isAborted' in settled)) until = now() + openMs;
    return {
      get duration() {
        return isOver() ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      },
      next,
    };
  };
  return { next, isOver };
}
