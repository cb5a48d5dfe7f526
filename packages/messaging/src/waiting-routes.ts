import type { Logger } from '@stoa/service';
import { backoffMs } from './backoff.ts';

const BACKOFF = { firstMs: 250, longestMs: 5_000 };
/** A route is not asked more often than this when the next of it is due. */
const SHORTEST_WAIT_MS = 50;

/** Where deliveries are to go. By type too: a subscriber may be there and not take one of them yet. */
export interface Route {
  readonly subscriber: string;
  readonly type: string;
}

interface State extends Route {
  /** Nothing that was to be tried before this waits any more. */
  floor: Date;
  /** When the next delivery is due, by `performance.now()`. */
  dueAt: number;
  /** Set while the subscriber does not take this type. */
  asleep?: Asleep;
}

interface Asleep {
  readonly tries: number;
  readonly until: number;
  readonly detail: string;
  /** One delivery is under way, and will show it. */
  readonly isTried?: boolean;
}

const nameOf = ({ subscriber, type }: Route): string => `${subscriber} ${type}`;

/**
 * The routes on which deliveries wait. One whose subscriber does not take them sleeps, and is tried with a single delivery now and then: a hundred
 * thousand that wait for it cost no more than one.
 */
export function createWaitingRoutes(log: Logger) {
  const states = new Map<string, State>();

  function stateOf({ subscriber, type }: Route): State {
    const name = nameOf({ subscriber, type });
    const state = states.get(name) ?? { subscriber, type, floor: new Date(0), dueAt: 0 };
    states.set(name, state);
    return state;
  }

  const isAwake = ({ asleep }: State): boolean => asleep === undefined;

  return {
    /** Takes over what a full poll found, and forgets how far each was read. */
    load(routes: readonly Route[]): void {
      for (const state of states.values()) Object.assign(state, { floor: new Date(0), dueAt: 0 });
      for (const route of routes) stateOf(route);
    },
    clear: (): void => states.clear(),
    /** Something waits there now. */
    add(route: Route): void {
      stateOf(route).dueAt = 0;
    },
    /** Those that are to be read now, each before those that came first the last time. */
    due(now: number): readonly State[] {
      const due = [...states].filter(([, state]) => isAwake(state) && state.dueAt <= now);
      const [first] = due;
      if (first !== undefined && states.delete(first[0])) states.set(...first);
      return due.map(([, state]) => state);
    },
    /** Those whose sleep is over: to be tried, each until `sleep`, `wake` or `next` reports how it went. */
    toTry(now: number): readonly State[] {
      const ready = [...states.values()].filter(({ asleep }) => asleep !== undefined && asleep.until <= now);
      for (const state of ready) state.asleep = { ...(state.asleep as Asleep), until: Number.POSITIVE_INFINITY, isTried: true };
      return ready;
    },
    isAsleep: (route: Route): boolean => states.get(nameOf(route))?.asleep !== undefined,
    /** Lets the route sleep; several deliveries that come back together count once. */
    sleep(route: Route, detail: string, now: number): void {
      const state = stateOf(route);
      if (state.asleep !== undefined && !state.asleep.isTried && state.asleep.until > now) return;
      const tries = (state.asleep?.tries ?? 0) + 1;
      if (tries === 1) log.warn({ ...route, reason: detail }, 'messages wait: a declared subscriber does not take them');
      state.asleep = { tries, detail, until: now + backoffMs(BACKOFF, tries) };
    },
    /** The try of a route has ended: if nothing was reported, it sleeps on. */
    tried(route: Route, now: number): void {
      const asleep = states.get(nameOf(route))?.asleep;
      if (asleep?.isTried) this.sleep(route, asleep.detail, now);
    },
    /** The subscriber takes what comes there. */
    wake(route: Route): void {
      const state = states.get(nameOf(route));
      if (state?.asleep === undefined) return;
      delete state.asleep;
      state.dueAt = 0;
      log.info({ subscriber: state.subscriber, type: state.type }, 'messages flow again');
    },
    /** The next one is due in so many milliseconds; without a number nothing waits there. */
    next(route: Route, ms: number | undefined, now: number): void {
      if (ms !== undefined) stateOf(route).dueAt = now + Math.max(ms, SHORTEST_WAIT_MS);
      else if (states.get(nameOf(route))?.asleep !== undefined && states.delete(nameOf(route)))
        log.info({ subscriber: route.subscriber, type: route.type }, 'no message waits any more');
      else states.delete(nameOf(route));
    },
    /** Milliseconds until one of them is to be read or tried. */
    nextMs: (now: number): number => Math.min(...[...states.values()].map(({ asleep, dueAt }) => (asleep?.until ?? dueAt) - now)),
    describe: (): string | undefined =>
      [...states.values()].flatMap(({ type, asleep }) => (asleep ? [`${type} waits: ${asleep.detail}`] : [])).join('; ') || undefined,
  };
}

export type WaitingRoutes = ReturnType<typeof createWaitingRoutes>;
