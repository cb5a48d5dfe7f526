import type { Clock } from '@stoa/service';
import type { RateLimiter, RatePolicy } from './rate-limit.ts';

interface Window {
  used: number;
  readonly endsAt: number;
}

/** Beyond this many keys the oldest windows are forgotten, so that no flood of addresses fills the memory. */
const MAX_KEYS = 100_000;

/** A limiter for one process. */
export function createMemoryRateLimiter(clock: Clock, maxKeys = MAX_KEYS): RateLimiter {
  const windows = new Map<string, Window>();

  const windowOf = ({ name, windowSeconds }: RatePolicy, key: string, now: number): Window => {
    const id = `${name} ${key}`;
    const known = windows.get(id);
    if (known !== undefined && known.endsAt > now) return known;
    windows.delete(id);
    if (windows.size >= maxKeys) windows.delete(windows.keys().next().value as string);
    const fresh = { used: 0, endsAt: now + windowSeconds * 1000 };
    windows.set(id, fresh);
    return fresh;
  };

  return {
    async consume(policy, key) {
      const now = clock.now().getTime();
      const window = windowOf(policy, key, now);
      const allowed = window.used < policy.limit;
      if (allowed) window.used += 1;
      return { allowed, remaining: policy.limit - window.used, resetSeconds: Math.ceil((window.endsAt - now) / 1000) };
    },
    async refund(policy, key) {
      const window = windowOf(policy, key, clock.now().getTime());
      window.used = Math.max(0, window.used - 1);
    },
  };
}
