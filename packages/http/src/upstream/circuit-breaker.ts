/**
 * Keeps calls from a service that is away, so that they are refused at once instead of waiting for what does not come. After so
 * many failures in a row it is open; then one call per `openMs` is a trial, and the first that succeeds closes it. A trial is not waited
 * for: it may be one that is held on purpose.
 */
export interface CircuitBreaker {
  readonly isOpen: boolean;
  /** Whether a call may be tried now. */
  admits(): boolean;
  succeeded(): void;
  failed(): void;
}

export interface CircuitBreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly onChange: (isOpen: boolean) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

export function createCircuitBreaker({ failures, openMs, onChange, now = () => performance.now() }: CircuitBreakerOptions): CircuitBreaker {
  let inARow = 0;
  let nextTrialAt = 0;
  return {
    get isOpen() {
      return inARow >= failures;
    },
    admits() {
      if (inARow < failures) return true;
      if (now() < nextTrialAt) return false;
      nextTrialAt = now() + openMs;
      return true;
    },
    succeeded() {
      const wasOpen = inARow >= failures;
      inARow = 0;
      if (wasOpen) onChange(false);
    },
    failed() {
      inARow += 1;
      if (inARow >= failures) nextTrialAt = now() + openMs;
      if (inARow === failures) onChange(true);
    },
  };
}
