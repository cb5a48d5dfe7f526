import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { loggedIn } from '../e2e/logged-in.ts';
import { registering } from './registering.ts';
import { underLoad, useSystem, type Work } from './scenario.ts';
import type { System } from './system.ts';
import { writingBy } from './writing.ts';

const system = useSystem();
/** A process that loses an answer of the database does not know what became of the request, and says so. */
const expected = { answersMayBreak: true, refusalsMayBe: true } as const;

const works: readonly [string, (system: System) => Promise<Work>][] = [
  ['people register', async () => registering],
  ['people write posts', async ({ gateways }) => writingBy([await loggedIn(gateways[0]?.url as string)])],
];

test.for(works)('the answer to COMMIT is lost, again and again, while %s', async ([what, workOf]) => {
  const { lossyNetwork } = system();
  const lose = async () => {
    lossyNetwork.commitsDue = 40;
    await eventually(() => expect(lossyNetwork.commitsDue).toBe(0), { timeoutMs: 240_000 });
  };
  await underLoad(`COMMIT unanswered, ${what}`, system(), expected, lose, await workOf(system()));
});

test.for(works)('a transaction hangs between two statements, again and again, while %s', async ([what, workOf]) => {
  const { lossyNetwork } = system();
  const hang = async () => {
    lossyNetwork.statementsDue = 20;
    await eventually(() => expect(lossyNetwork.statementsDue).toBe(0), { timeoutMs: 240_000 });
  };
  await underLoad(`hanging between statements, ${what}`, system(), expected, hang, await workOf(system()));
});
