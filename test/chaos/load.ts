import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createSemaphore } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { expect } from 'vitest';
import type { Answer, Balancer, Outcome } from './balancer.ts';

/** What a client asks for, under a name that no other client has. */
export type RequestOf = (name: string, number: number) => ClientRequest;

export interface ClientRequest {
  readonly path: string;
  readonly body: object;
  /** With an `Idempotency-Key` the gateway may repeat for the client, and the client's own repeat gets the first answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What one client wants, and all answers that it got. */
export interface Wish {
  readonly name: string;
  readonly isKeyed: boolean;
  readonly begunAt: number;
  /** The answer 201. */
  accepted?: { readonly id: string; readonly at: number };
  /** 409 `email_taken` after an answer that never came: the account exists all the same. */
  found?: boolean;
  /** 503 with Retry-After and a problem. */
  refusals: number;
  /** Requests that were sent and got no answer. */
  broken: string[];
  /** No gateway took the connection. */
  unreached: number;
  /** Answers that no client should get. */
  wrong: string[];
  /** Codes of the refusals, for the report. */
  readonly codes: Set<string>;
}

export interface LoadOptions {
  readonly balancer: Balancer;
  /** At least so many wishes. */
  readonly atLeast: number;
  /** Most requests at a time. */
  readonly concurrency: number;
  /** New wishes in a second, so that the machine has capacity left for what is tested. */
  readonly perSecond: number;
  readonly requestOf: RequestOf;
}

export interface Load {
  readonly batch: string;
  readonly wishes: readonly Wish[];
  /** Resolves when so many are settled. */
  passed(count: number): Promise<void>;
  /** Resolves when so many more than now were answered 201. */
  moreAccepted(count: number): Promise<void>;
  /** No new ones once `atLeast` are through. Resolves when each is settled: 201, or known to be there. */
  finish(): Promise<void>;
  /** Ends at once, settled or not: the scenario has failed. */
  abandon(): Promise<void>;
}

/** For so long a client repeats a request that was refused or not answered; then the wish counts as it is. */
const PATIENCE_MS = 400_000;
const MOST_WAIT_MS = 1_000;
/** The most clients that have begun and are not settled; no more come. */
const MOST_OPEN = 100;

/**
 * Clients that want something under names of their own and do what a good client does: wait for `Retry-After`, then repeat, also
 * when no answer came. Goes on until `finish`, whatever happens to the system meanwhile.
 */
export function startLoad({ balancer, atLeast, concurrency, perSecond, requestOf }: LoadOptions): Load {
  const batch = `c${randomBytes(4).toString('hex')}`;
  const wishes: Wish[] = [];
  const stopping = new AbortController();
  const abandoned = new AbortController();
  const { signal } = abandoned;
  let settled = 0;
  let nextAt = performance.now();

  async function fulfil(number: number): Promise<void> {
    const name = `${batch}-${number}`;
    const { path, body, headers } = requestOf(name, number);
    const wish: Wish = {
      name,
      isKeyed: 'idempotency-key' in headers,
      begunAt: performance.now(),
      refusals: 0,
      broken: [],
      unreached: 0,
      wrong: [],
      codes: new Set(),
    };
    wishes.push(wish);
    await settle(wish, () => asking.with(() => balancer.post(path, body, headers)), signal);
    settled += 1;
  }

  /** Clients come at a steady pace whatever happened to earlier ones, as people do; many may wait to repeat, few send at a time. */
  async function fulfilAll(): Promise<void> {
    const open = new Set<Promise<void>>();
    for (let number = 0; !signal.aborted && (number < atLeast || !stopping.signal.aborted); number += 1) {
      nextAt = Math.max(nextAt + 1_000 / perSecond, performance.now() - 1_000);
      await delay(Math.max(0, nextAt - performance.now()));
      while (open.size >= MOST_OPEN) await Promise.race(open);
      const one = fulfil(number).finally(() => open.delete(one));
      open.add(one);
    }
    await Promise.all(open);
  }

  const asking = createSemaphore(concurrency);
  const accepted = () => wishes.filter((wish) => wish.accepted !== undefined).length;
  const reaches = async (what: () => number, count: number) =>
    await eventually(() => expect(what()).toBeGreaterThanOrEqual(count), { timeoutMs: PATIENCE_MS }).then(() => {});
  const all = fulfilAll();

  return {
    batch,
    wishes,
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

async function settle(wish: Wish, ask: () => Promise<Outcome>, abandoned: AbortSignal): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!abandoned.aborted && performance.now() < deadline) {
    const waitMs = note(wish, await ask());
    if (waitMs === undefined) return;
    await delay(waitMs);
  }
}

/** @returns how long to wait before the repeat; nothing when the wish is settled. */
function note(wish: Wish, outcome: Outcome): number | undefined {
  switch (outcome.status) {
    case 'unreached':
      wish.unreached += 1;
      return 100;
    case 'broken':
      wish.broken.push(outcome.reason);
      return 100;
    case 201:
      wish.accepted = { id: (outcome.body as { id: string }).id, at: performance.now() };
      return undefined;
    case 503:
      wish.refusals += 1;
      wish.codes.add(codeOf(outcome));
      if (!isProperRefusal(outcome)) wish.wrong.push(describe(outcome));
      return Math.min(Number(outcome.retryAfter ?? 1) * 1_000, MOST_WAIT_MS);
    case 409:
      // The first try died with its process, and its key is held until its lease ends.
      if (codeOf(outcome) === 'idempotency_in_progress' && wish.isKeyed) return MOST_WAIT_MS;
      if (codeOf(outcome) === 'email_taken' && (wish.broken.length > 0 || wish.refusals > 0)) wish.found = true;
      else wish.wrong.push(describe(outcome));
      return undefined;
    default:
      wish.wrong.push(describe(outcome));
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
