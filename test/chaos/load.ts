import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@stoa/service/testing';
import { expect } from 'vitest';
import type { Answer, Balancer, Outcome } from './balancer.ts';

/** One registration, and all that its client was told. */
export interface Registration {
  readonly email: string;
  readonly begunAt: number;
  /** Every other client sends one: the gateway may then repeat for it, and its own repeat gets the first answer. */
  readonly key: string | undefined;
  /** The answer 201. */
  accepted?: { readonly id: string; readonly at: number };
  /** 409 `email_taken`, told after an answer that never came: the account is there all the same. */
  found?: boolean;
  /** 503 with Retry-After and a problem. */
  refusals: number;
  /** Asked, and no answer came. */
  broken: string[];
  /** No gateway took the connection. */
  unreached: number;
  /** Answers that nobody should get. */
  wrong: string[];
  /** Codes of the refusals, for the report. */
  readonly codes: Set<string>;
}

export interface LoadOptions {
  readonly balancer: Balancer;
  /** At least so many registrations. */
  readonly atLeast: number;
  /** Most requests at a time. */
  readonly concurrency: number;
  /** New registrations in a second, so that the machine has breath for what is to be tested. */
  readonly perSecond: number;
}

export interface Load {
  readonly batch: string;
  readonly registrations: readonly Registration[];
  /** Resolves when so many are settled. */
  passed(count: number): Promise<void>;
  /** Resolves when so many more than now were answered 201. */
  moreAccepted(count: number): Promise<void>;
  /** No new ones once `atLeast` are through. Resolves when each is settled: 201, or known to be there. */
  finish(): Promise<void>;
  /** Ends at once, settled or not: the scenario has failed. */
  abandon(): Promise<void>;
}

/** A client repeats what was refused or not answered for so long; then it counts as it is. */
const PATIENCE_MS = 400_000;
const MOST_WAIT_MS = 1_000;
/** Clients that have begun and are not through: more do not come. */
const MOST_OPEN = 100;

/**
 * Clients that register under addresses of their own and do what a good client does: wait for `Retry-After`, then repeat, also
 * when no answer came. Goes on until `finish`, whatever happens to the house meanwhile.
 */
export function startLoad({ balancer, atLeast, concurrency, perSecond }: LoadOptions): Load {
  const batch = `c${randomBytes(4).toString('hex')}`;
  const registrations: Registration[] = [];
  const stopping = new AbortController();
  const abandoned = new AbortController();
  const { signal } = abandoned;
  let settled = 0;
  let nextAt = performance.now();

  async function register(number: number): Promise<void> {
    const registration: Registration = {
      email: `${batch}-${number}@example.com`,
      begunAt: performance.now(),
      key: number % 2 === 0 ? undefined : `${batch}-${number}`,
      refusals: 0,
      broken: [],
      unreached: 0,
      wrong: [],
      codes: new Set(),
    };
    registrations.push(registration);
    await settle(registration, ask, signal);
    settled += 1;
  }

  /** At a steady pace whatever became of those before, as people do; many may wait to repeat, few ask at a time. */
  async function registerAll(): Promise<void> {
    const open = new Set<Promise<void>>();
    for (let number = 0; !signal.aborted && (number < atLeast || !stopping.signal.aborted); number += 1) {
      nextAt = Math.max(nextAt + 1_000 / perSecond, performance.now() - 1_000);
      await delay(Math.max(0, nextAt - performance.now()));
      while (open.size >= MOST_OPEN) await Promise.race(open);
      const one = register(number).finally(() => open.delete(one));
      open.add(one);
    }
    await Promise.all(open);
  }

  const asking = createPermits(concurrency);
  const ask: Ask = (body, headers) => asking.run(() => balancer.post('/v1/users', body, headers));
  const accepted = () => registrations.filter((registration) => registration.accepted !== undefined).length;
  const reaches = async (what: () => number, count: number) =>
    await eventually(() => expect(what()).toBeGreaterThanOrEqual(count), { timeoutMs: PATIENCE_MS }).then(() => {});
  const all = registerAll();

  return {
    batch,
    registrations,
    passed: (count) => reaches(() => settled, count),
    moreAccepted: (count) => reaches(accepted, accepted() + count),
    async finish() {
      stopping.abort();
      await all;
    },
    async abandon() {
      abandoned.abort();
      await all;
    },
  };
}

type Ask = (body: object, headers: Readonly<Record<string, string>>) => Promise<Outcome>;

async function settle(registration: Registration, ask: Ask, abandoned: AbortSignal): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const body = { email: registration.email, password: 'one for everybody here' };
  while (!abandoned.aborted && performance.now() < deadline) {
    const outcome = await ask(body, registration.key === undefined ? {} : { 'idempotency-key': registration.key });
    const waitMs = note(registration, outcome);
    if (waitMs === undefined) return;
    await delay(waitMs);
  }
}

/** @returns how long to wait before the repeat; nothing when all is said. */
function note(registration: Registration, outcome: Outcome): number | undefined {
  switch (outcome.status) {
    case 'unreached':
      registration.unreached += 1;
      return 100;
    case 'broken':
      registration.broken.push(outcome.reason);
      return 100;
    case 201:
      registration.accepted = { id: (outcome.body as { id: string }).id, at: performance.now() };
      return undefined;
    case 503:
      registration.refusals += 1;
      registration.codes.add(codeOf(outcome));
      if (!isProperRefusal(outcome)) registration.wrong.push(describe(outcome));
      return Math.min(Number(outcome.retryAfter ?? 1) * 1_000, MOST_WAIT_MS);
    case 409:
      // The first try died with its process, and its key is held until its lease ends.
      if (codeOf(outcome) === 'idempotency_in_progress' && registration.key !== undefined) return MOST_WAIT_MS;
      if (codeOf(outcome) === 'email_taken' && (registration.broken.length > 0 || registration.refusals > 0)) registration.found = true;
      else registration.wrong.push(describe(outcome));
      return undefined;
    default:
      registration.wrong.push(describe(outcome));
      return undefined;
  }
}

function isProperRefusal({ retryAfter, contentType, body }: Answer): boolean {
  return (
    Number(retryAfter) > 0 && contentType?.startsWith('application/problem+json') === true && (body as { status?: number }).status === 503
  );
}

const codeOf = ({ body }: Answer): string => String((body as { code?: string } | undefined)?.code);

const describe = ({ status, body, retryAfter }: Answer): string => `${status} retry-after ${retryAfter} ${JSON.stringify(body)}`;

/** Lets so many work at a time. */
function createPermits(count: number) {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    async run<T>(work: () => Promise<T>): Promise<T> {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      }
    },
  };
}
