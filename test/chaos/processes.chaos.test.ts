import { test } from 'vitest';
import { underLoad, useHouse } from './scenario.ts';

const house = useHouse();

test('Postgres is killed, and comes back', async () => {
  await underLoad('Postgres kill -9', house(), { answersMayBreak: true, refusalsMayBe: true }, async () => {
    await house().postgres.kill();
  });
});

test('kill -9', async () => {
  await underLoad('kill -9 of all', house(), { answersMayBreak: true, refusalsMayBe: true }, async () => {
    const [all] = house().pods;
    await all?.kill();
    await all?.start();
  });
});
