import { type Clock, uuidv7 } from '@stoa/service';
import type { RateLimiter, RatePolicy, RateState } from './rate-limit.ts';

interface Window {
  used: number;
  readonly endsAt: number;
  /** Reservations that nobody has decided, and until when they count as such. */
  undecided?: Map<string, number>;
}

/** The windows of one policy, in the order in which they began. */
type Windows = Map<string, Window>;

/** Beyond this many keys of a policy, some 15 MB, its oldest windows are forgotten, so that no flood of client IPs fills the memory. */
const MAX_KEYS = 100_000;

/** A limiter for one process. Each policy has `maxKeys` of its own: a flood of readers makes it forget no failed log-in. */
export function createMemoryRateLimiter(clock: Clock, maxKeys = MAX_KEYS): RateLimiter {
  const policies = new Map<string, Windows>();

  function windowsOf(name: string): Windows {
    let windows = policies.get(name);
    if (windows === undefined) policies.set(name, (windows = new Map()));
    return windows;
  }

  function open(windows: Windows, key: string, endsAt: number, now: number): Window {
    windows.delete(key);
    forget(windows, now);
    const window = { used: 0, endsAt };
    windows.set(key, window);
    return window;
  }

  /** At most two for each that is opened: the map shrinks faster than it grows, and no request pays for all. */
  function forget(windows: Windows, now: number): void {
    let looked = 0;
    for (const [key, { endsAt }] of windows) {
      if ((endsAt > now && windows.size < maxKeys) || looked++ === 2) return;
      windows.delete(key);
    }
  }

  function take({ name, limit, windowSeconds }: RatePolicy, key: string, reserveMs?: number): RateState {
    const now = clock.now().getTime();
    const windows = windowsOf(name);
    const known = windows.get(key);
    const window = known !== undefined && known.endsAt > now ? known : open(windows, key, now + windowSeconds * 1000, now);
    const undecided = countUndecided(window, now);
    const allowed = window.used < limit;
    const reservation = allowed && reserveMs !== undefined ? uuidv7(now) : undefined;
    if (allowed) window.used += 1;
    if (reservation !== undefined) (window.undecided ??= new Map()).set(reservation, now + (reserveMs as number));
    return {
      allowed,
      remaining: Math.max(0, limit - window.used),
      resetSeconds: Math.ceil((window.endsAt - now) / 1000),
      endsAt: window.endsAt,
      undecided,
      ...(reservation !== undefined && { reservation }),
    };
  }

  /** Nothing of a window that is over. */
  function windowOf({ name }: RatePolicy, key: string, { endsAt }: RateState): Window | undefined {
    const window = policies.get(name)?.get(key);
    return window?.endsAt === endsAt ? window : undefined;
  }

  return {
    consume: async (policy, key) => take(policy, key),
    reserve: async (policy, key, forMs) => take(policy, key, forMs),
    async confirm(policy, key, state) {
      windowOf(policy, key, state)?.undecided?.delete(state.reservation ?? '');
    },
    async refund(policy, key, state) {
      const window = windowOf(policy, key, state);
      if (window === undefined) return;
      window.undecided?.delete(state.reservation ?? '');
      if (window.used > 0) window.used -= 1;
    },
  };
}

function countUndecided({ undecided }: Window, now: number): number {
  if (undecided === undefined) return 0;
  for (const [reservation, until] of undecided) if (until <= now) undecided.delete(reservation);
  return undecided.size;
}
