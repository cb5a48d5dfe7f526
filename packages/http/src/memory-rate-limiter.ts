import { type Clock, uuidv7 } from '@stoa/service';
import type { RateLimiter, RatePolicy, RateState } from './rate-limit.ts';

interface Window {
  used: number;
  readonly endsAt: number;
  /** Reservations that nobody has decided, and until when they count as such. */
  readonly undecided: Map<string, number>;
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
    const window = { used: 0, endsAt, undecided: new Map() };
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

  function take({ name, limit, windowSeconds }: RatePolicy, key: string, reserveMs?: number): RateState {
    const now = clock.now().getTime();
    const id = idOf(name, key);
    const known = windows.get(id);
    const window = known !== undefined && known.endsAt > now ? known : open(id, now + windowSeconds * 1000, now);
    for (const [reservation, until] of window.undecided) if (until <= now) window.undecided.delete(reservation);
    const undecided = window.undecided.size;
    const allowed = window.used < limit;
    const reservation = allowed && reserveMs !== undefined ? uuidv7(now) : undefined;
    if (allowed) window.used += 1;
    if (reservation !== undefined) window.undecided.set(reservation, now + (reserveMs as number));
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
    const window = windows.get(idOf(name, key));
    return window?.endsAt === endsAt ? window : undefined;
  }

  return {
    consume: async (policy, key) => take(policy, key),
    reserve: async (policy, key, forMs) => take(policy, key, forMs),
    async confirm(policy, key, state) {
      windowOf(policy, key, state)?.undecided.delete(state.reservation ?? '');
    },
    async refund(policy, key, state) {
      const window = windowOf(policy, key, state);
      if (window === undefined) return;
      window.undecided.delete(state.reservation ?? '');
      if (window.used > 0) window.used -= 1;
    },
  };
}

const idOf = (name: string, key: string) => `${name} ${key}`;
