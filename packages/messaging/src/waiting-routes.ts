import type { Logger } from '@stoa/service';
import { backoffMs } from './backoff.ts';

const BACKOFF = { firstMs: 250, longestMs: 5_000 };

/** Where a row is to go: its type, and the subscribers that it was written for, which may be others than those of today. */
export interface Route {
  readonly type: string;
  readonly subscribers: readonly string[];
}

/** Names a route. `outbox-rows` makes the same text in SQL. */
export const nameOfRoute = ({ type, subscribers }: Route): string => `${type} to ${subscribers.join(', ')}`;

/** The routes that wait at one moment. */
export interface Asleep {
  /** Their names. */
  readonly names: readonly string[];
  has(route: Route): boolean;
  /** When the next of them is tried, by `performance.now()`; infinite when none waits. */
  readonly until: number;
}

interface Waiting extends Route {
  readonly tries: number;
  readonly until: number;
  readonly detail: string;
}

/**
 * Routes of which a declared subscriber does not take messages yet. Their rows wait in the outbox without counting, and
 * are tried again now and then; a hundred thousand of them cost one look, not one try each.
 */
export function createWaitingRoutes(log: Logger) {
  const waiting = new Map<string, Waiting>();

  return {
    at(now: number): Asleep {
      const asleep = new Map([...waiting].filter(([, { until }]) => until > now));
      return {
        names: [...asleep.keys()],
        has: (route) => asleep.has(nameOfRoute(route)),
        until: Math.min(...[...asleep.values()].map(({ until }) => until)),
      };
    },
    /** Lets the route wait until its next try; several rows that come back together count once. */
    add({ type, subscribers }: Route, detail: string, now: number): void {
      const name = nameOfRoute({ type, subscribers });
      const before = waiting.get(name);
      if (before !== undefined && before.until > now) return;
      const tries = (before?.tries ?? 0) + 1;
      if (tries === 1) log.warn({ type, subscribers, reason: detail }, 'messages wait: a declared subscriber is not there');
      waiting.set(name, { type, subscribers, tries, detail, until: now + backoffMs(BACKOFF, tries) });
    },
    /** The route is open. */
    delete({ type, subscribers }: Route): void {
      if (waiting.delete(nameOfRoute({ type, subscribers }))) log.info({ type, subscribers }, 'messages flow again');
    },
    /** Nothing is there any more for the routes that do not wait at that moment. */
    forgetAwake({ names }: Asleep): void {
      for (const [name, { type, subscribers }] of waiting) {
        if (names.includes(name)) continue;
        waiting.delete(name);
        log.info({ type, subscribers }, 'no message waits any more');
      }
    },
    describe: (): string | undefined => [...waiting.values()].map(({ type, detail }) => `${type} waits: ${detail}`).join('; ') || undefined,
  };
}
