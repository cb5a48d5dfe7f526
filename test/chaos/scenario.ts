import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import { type House, startHouse } from './house.ts';
import { type Ledger, settleLedger } from './ledger.ts';
import { type Load, startLoad } from './load.ts';

export interface Expected {
  /** Processes or servers die with a request in hand: its client cannot know what became of it. */
  readonly answersMayBreak?: true;
  /** Something that is needed to serve is away for a while. */
  readonly refusalsMayBe?: true;
}

/** While a scenario is written, fewer do: `STOA_CHAOS_REGISTRATIONS=200`. */
const LOAD = { atLeast: Number(process.env['STOA_CHAOS_REGISTRATIONS'] ?? 1_000), concurrency: 6, perSecond: 25 };
/** So many are through before the blow falls. */
const BEFORE = 50;

/**
 * Registrations without a pause, `blow` in the middle of them, and the proof afterwards: nothing lost, nothing twice, whatever
 * the blow was. @param blow resolves when what it broke is mended.
 */
export async function underLoad(title: string, house: House, expected: Expected, blow: (load: Load) => Promise<void>): Promise<Ledger> {
  const load = startLoad({ balancer: house.balancer, ...LOAD });
  try {
    await load.passed(BEFORE);
    await blow(load);
  } catch (error) {
    await load.abandon();
    throw error;
  }
  await load.finish();
  await Promise.all(house.pods.map((pod) => pod.untilReady()));
  const ledger = await settleLedger(load, house.ask);
  report(title, ledger);
  expect(ledger.lost, 'lost').toEqual([]);
  expect(ledger.twice, 'done twice').toEqual([]);
  expect(ledger.wrong, 'wrong').toEqual([]);
  const { broken, answersLost, unreached } = ledger;
  expect(unreached, 'connections that no gateway took').toBe(0);
  if (!expected.answersMayBreak) expect({ broken, answersLost }).toEqual({ broken: 0, answersLost: 0 });
  if (!expected.refusalsMayBe) expect(ledger.refusals, `refused: ${ledger.codes}`).toBe(0);
  expect(ledger.accepted + ledger.answersLost, 'in the end everybody has an account').toBe(ledger.sent);
  return ledger;
}

/** One house for the scenarios of a file, as a house has to stand them one after the other; a new one after a failure. */
export function useHouse(): () => House {
  let house: House | undefined;
  const end = async (keepLogs: boolean) => {
    await house?.stop({ keepLogs });
    house = undefined;
  };
  beforeEach(async () => {
    house ??= await startHouse();
  });
  afterEach(({ task }) => (task.result?.state === 'fail' ? end(true) : undefined));
  afterAll(() => end(false));
  return () => house as House;
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
