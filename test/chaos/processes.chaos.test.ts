import { expect, test } from 'vitest';
import type { House } from './house.ts';
import type { Load } from './load.ts';
import type { Pod } from './pod.ts';
import { underLoad, useHouse } from './scenario.ts';

const house = useHouse();
/** Each copy of a kind is killed so often. */
const ROUNDS = 2;

async function killInTurn(pods: readonly Pod[], load: Load): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const pod of pods) {
      await pod.kill();
      await pod.start();
      // Something has to happen between two blows.
      await load.moreAccepted(20);
    }
  }
}

const kinds: readonly [string, (house: House) => readonly Pod[], Parameters<typeof underLoad>[2]][] = [
  ['gateway', ({ gateways }) => gateways, { answersMayBreak: true }],
  ['users api', ({ usersApis }) => usersApis, { answersMayBreak: true, refusalsMayBe: true }],
  ['users worker', ({ usersWorkers }) => usersWorkers, {}],
  ['mailer', ({ mailers }) => mailers, {}],
];

test.for(kinds)('kill -9 of a %s', async ([kind, podsOf, expected]) => {
  await underLoad(`kill -9 ${kind}`, house(), expected, (load) => killInTurn(podsOf(house()), load));
});

test('a rolling restart of everything by SIGTERM refuses nobody', async () => {
  await underLoad('rolling restart', house(), {}, async () => {
    for (const pod of house().pods) {
      expect(await pod.terminate(), `exit code of ${pod.name}`).toBe(0);
      await pod.start();
    }
  });
});
