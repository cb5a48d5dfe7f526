import { expect, test } from 'vitest';
import type { Pod } from './pod.ts';
import { killInTurn, underLoad, useSystem } from './scenario.ts';
import type { System } from './system.ts';

const system = useSystem();

const kinds: readonly [string, (system: System) => readonly Pod[], Parameters<typeof underLoad>[2]][] = [
  ['gateway', ({ gateways }) => gateways, { answersMayBreak: true }],
  ['users api', ({ podsOf }) => podsOf('users', 'api'), { answersMayBreak: true, refusalsMayBe: true }],
  ['users worker', ({ podsOf }) => podsOf('users', 'worker'), {}],
  ['mailer', ({ podsOf }) => podsOf('mailer', 'all'), {}],
];

test.for(kinds)('kill -9 of a %s', async ([kind, podsOfKind, expected]) => {
  await underLoad(`kill -9 ${kind}`, system(), expected, (load) => killInTurn(podsOfKind(system()), load));
});

test('a rolling restart of everything by SIGTERM refuses nobody', async () => {
  await underLoad('rolling restart', system(), {}, async () => {
    for (const pod of system().pods) {
      expect(await pod.terminate(), `exit code of ${pod.name}`).toBe(0);
      await pod.start();
    }
  });
});
