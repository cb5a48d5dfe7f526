import { expect, test } from 'vitest';
import type { House } from './house.ts';
import type { Pod } from './pod.ts';
import { killInTurn, underLoad, useHouse } from './scenario.ts';

const house = useHouse();

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
