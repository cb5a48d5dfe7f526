import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import { type Examine, type Ledger, settleLedger } from './ledger.ts';
import { type Load, type RequestOf, startLoad } from './load.ts';
import type { Pod } from './pod.ts';
import { registering } from './registering.ts';
import { type System, startSystem } from './system.ts';

export interface Expected {
  /** Processes or servers die while they serve a request: its client cannot know what became of it. */
  readonly answersMayBreak?: true;
  /** Something that is needed to serve is away for a while. */
  readonly refusalsMayBe?: true;
}

/** What the clients do, and what must exist of it in the end. */
export interface Work {
  readonly requestOf: RequestOf;
  readonly examine: Examine;
}

/** While a scenario is written, fewer are enough: `STOA_CHAOS_REGISTRATIONS=200`. */
const LOAD = { atLeast: Number(process.env['STOA_CHAOS_REGISTRATIONS'] ?? 1_000), concurrency: 6, perSecond: 25 };
/** So many are settled before `blow` begins. */
const BEFORE = 50;

/** How often each copy of a kind is killed. */
const ROUNDS = 2;

/**
 * Work without a pause, registrations by default, with `blow` in the middle of it, and the proof afterwards: nothing is lost and nothing
 * is done twice, whatever `blow` did. @param blow resolves when what it broke is repaired.
 */
export async function underLoad(
  title: string,
  system: System,
  expected: Expected,
  blow: (load: Load) => Promise<void>,
  { requestOf, examine }: Work = registering,
): Promise<Ledger> {
  const load = startLoad({ balancer: system.balancer, ...LOAD, requestOf });
  try {
    await load.passed(BEFORE);
    await blow(load);
  } catch (error) {
    await load.abandon();
    throw error;
  }
  await load.finish();
  await Promise.all(system.pods.map((pod) => pod.untilReady()));
  const ledger = await settleLedger(load, system.ask, examine);
  report(title, ledger);
  expect(ledger.lost, 'lost').toEqual([]);
  expect(ledger.twice, 'done twice').toEqual([]);
  expect(ledger.wrong, 'wrong').toEqual([]);
  const { broken, answersLost, unreached } = ledger;
  expect(unreached, 'connections that no gateway took').toBe(0);
  if (!expected.answersMayBreak) expect({ broken, answersLost }).toEqual({ broken: 0, answersLost: 0 });
  if (!expected.refusalsMayBe) expect(ledger.refusals, `refused: ${ledger.codes}`).toBe(0);
  expect(ledger.accepted + ledger.answersLost, 'in the end everybody has what they wanted').toBe(ledger.sent);
  return ledger;
}

/** kill -9 of one after the other, each time until it is back. */
export async function killInTurn(pods: readonly Pod[], load: Load): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const pod of pods) {
      await pod.kill();
      await pod.start();
      // Some work has to succeed between two kills.
      await load.moreAccepted(20);
    }
  }
}

/** One system for the scenarios of a file, as a system has to survive them one after the other; a new one after a failure. */
export function useSystem(): () => System {
  let system: System | undefined;
  const end = async (keepLogs: boolean) => {
    await system?.stop({ keepLogs });
    system = undefined;
  };
  beforeEach(async () => {
    system ??= await startSystem();
  });
  afterEach(({ task }) => (task.result?.state === 'fail' ? end(true) : undefined));
  afterAll(() => end(false));
  return () => system as System;
}

function report(
  title: string,
  { sent, accepted, refusals, codes, broken, answersLost, lost, twice, wrong, gapMs, drainedMs }: Ledger,
): void {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const cells = [
    title,
    sent,
    accepted,
    codes.length > 0 ? `${refusals} (${codes.join(', ')})` : refusals,
    broken,
    answersLost,
    lost.length,
    twice.length,
    wrong.length,
    seconds(gapMs),
    seconds(drainedMs),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
