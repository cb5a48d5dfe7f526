import { eventually } from '@stoa/service/testing';
import { serviceNames } from '../../apps/server/src/services.ts';
import type { Load, Wish } from './load.ts';
import type { Ask } from './postgres-ground.ts';

/** What a batch of wishes came to, over all clients, processes and servers. */
export interface Ledger {
  readonly sent: number;
  /** Answered 201. */
  readonly accepted: number;
  /** Answers 503 that were as they should be; each was repeated. */
  readonly refusals: number;
  /** Which problems they were. */
  readonly codes: readonly string[];
  /** Requests that got no answer. */
  readonly broken: number;
  /** Connections that no gateway took. */
  readonly unreached: number;
  /** Accounts whose 201 no client received: the answer broke off, or was a 503 because the process did not know the outcome. */
  readonly answersLost: number;
  /** Promised and not kept. */
  readonly lost: readonly string[];
  /** Done twice. */
  readonly twice: readonly string[];
  /** What was neither promised nor has a lost answer; answers that no client should get; dead letters. */
  readonly wrong: readonly string[];
  /** The longest time in which no client got a 201, as long as new clients came. */
  readonly gapMs: number;
  /** From the last answer until all work that it started is done. */
  readonly drainedMs: number;
}

const DRAIN_LIMIT_MS = 400_000;

/** Compares the answers to the clients with the content of the databases. */
export type Examine = (load: Load, ask: Ask) => Promise<Pick<Ledger, 'lost' | 'twice' | 'wrong'>>;

/** Waits until the system has nothing left to do, then has everything examined. */
export async function settleLedger(load: Load, ask: Ask, examine: Examine): Promise<Ledger> {
  const begun = performance.now();
  await eventually(() => expectDrained(ask), { timeoutMs: DRAIN_LIMIT_MS, intervalMs: 200 });
  const drainedMs = performance.now() - begun;
  const { lost, twice, wrong } = await examine(load, ask);
  const answers = load.wishes.flatMap((wish) => wish.wrong.map((answer) => `${wish.name}: ${answer}`));
  const sum = (count: (wish: Wish) => number) => load.wishes.reduce((total, one) => total + count(one), 0);
  return {
    sent: load.wishes.length,
    accepted: sum(({ accepted }) => (accepted ? 1 : 0)),
    refusals: sum(({ refusals }) => refusals),
    codes: [...new Set(load.wishes.flatMap(({ codes }) => [...codes]))],
    broken: sum(({ broken }) => broken.length),
    unreached: sum(({ unreached }) => unreached),
    answersLost: sum(({ found: there }) => (there ? 1 : 0)),
    lost,
    twice,
    wrong: [...wrong, ...answers, ...(await deadLetters(ask))],
    gapMs: longestGap(load.wishes),
    drainedMs,
  };
}

/** Nothing waits to leave, nothing waits to be handled, no mail waits or is on its way. */
export async function expectDrained(ask: Ask): Promise<void> {
  for (const service of serviceNames) {
    const [boxes] = await ask<{ unsent: number; pending: number }>(
      service,
      `select (select count(*)::int from outbox where sent_at is null) as unsent, (select count(*)::int from inbox where status = 'pending') as pending`,
    );
    if (boxes?.unsent !== 0 || boxes.pending !== 0) throw new Error(`${service} is not drained: ${JSON.stringify(boxes)}`);
  }
  const [mails] = await ask<{ left: number }>('mailer', `select count(*)::int as left from mails where status in ('queued', 'sending')`);
  if (mails?.left !== 0) throw new Error(`mails are left: ${JSON.stringify(mails)}`);
}

async function deadLetters(ask: Ask): Promise<string[]> {
  const dead: string[] = [];
  for (const service of serviceNames) {
    const rows = await ask<{ box: string; type: string; reason: string }>(service, 'select box, type, reason from dead_letters limit 20');
    dead.push(...rows.map(({ box, type, reason }) => `${service}: dead in the ${box}: ${type}: ${reason}`));
  }
  return dead;
}

/** Only while new clients came: at the end, only clients are left that wait for what a dead process holds. */
function longestGap(wishes: readonly Wish[]): number {
  const end = wishes.at(-1)?.begunAt ?? 0;
  const times = wishes.flatMap(({ accepted }) => (accepted && accepted.at <= end ? [accepted.at] : [])).sort((one, other) => one - other);
  return [...times, end].reduce((longest, at, index, all) => Math.max(longest, at - (all[index - 1] ?? at)), 0);
}
