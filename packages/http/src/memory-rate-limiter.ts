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
  /** In the order in which they began. */
  const windows = new Map<string, Window>();

  function open(id: string, endsAt: number, now: number): Window {
    windows.delete(id);
    forget(now);
    const window = { used: 0, endsAt };
    windows.set(id, window);
    return window;
  }

  /** At most two for each that is opened: the map shrinks faster than it grows, and no request pays for all. */
  function forget(now: number): void {
    let looked = 0;
    for (const [id, { endsAt }] of windows) {
      if ((endsAt > now && windows.size < maxKeys) || looked++ === 2) return;
      windows.delete(id);
    }
  }

  return {
    async consume({ name, limit, windowSeconds }, key) {
      const now = clock.now().getTime();
      const id = idOf(name, key);
      const known = windows.get(id);
      const window = known !== undefined && known.endsAt > now ? known : open(id, now + windowSeconds * 1000, now);
      const allowed = window.used < limit;
      if (allowed) window.used += 1;
      return { allowed, remaining: limit - window.used, resetSeconds: Math.ceil((window.endsAt - now) / 1000), endsAt: window.endsAt };
    },
    async refund({ name }: RatePolicy, key, { endsAt }) {
      const window = windows.get(idOf(name, key));
      if (window?.endsAt === endsAt && window.used > 0) window.used -= 1;
    },
  };
}

const idOf = (name: string, key: string) => `${name} ${key}`;
