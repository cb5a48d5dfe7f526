import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { type LoggedIn, loggedIn } from '../e2e/logged-in.ts';
import type { Load } from './load.ts';
import type { Ask } from './postgres-ground.ts';
import { killInTurn, underLoad, useSystem } from './scenario.ts';
import type { System } from './system.ts';
import { writingBy } from './writing.ts';

const system = useSystem();
const PEOPLE = 4;
/** More than go in one transaction. */
const LEFT_BEHIND = 600;

/** Somebody with many posts. */
async function prolific({ gateways, balancer }: System): Promise<LoggedIn> {
  const author = await loggedIn(gateways[0]?.url as string);
  const numbers = Array.from({ length: LEFT_BEHIND }, (_, number) => number).values();
  const write = async () => {
    for (const number of numbers) {
      const body = { title: `Left behind ${number}`, text: 'Notes on the Analytical Engine' };
      expect(await balancer.post('/v1/posts', body, { authorization: author.authorization })).toMatchObject({ status: 201 });
    }
  };
  await Promise.all([write(), write(), write(), write()]);
  return author;
}

const countOf = async (ask: Ask, { id }: LoggedIn) =>
  (await ask<{ posts: number }>('posts', 'select count(*)::int as posts from posts where author_id = $1', [id]))[0]?.posts;

/** People write posts without a pause, and an account with many posts is deleted: then comes `blow`. */
async function whileOneLeaves(title: string, expected: Parameters<typeof underLoad>[2], blow: (load: Load) => Promise<void>) {
  const { gateways, ask } = system();
  const url = gateways[0]?.url as string;
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => loggedIn(url)));
  const leaver = await prolific(system());
  expect(await countOf(ask, leaver)).toBe(LEFT_BEHIND);
  const leaveAndBlow = async (load: Load) => {
    const left = await fetch(`${url}/v1/users/me`, { method: 'DELETE', headers: { authorization: leaver.authorization } });
    expect(left.status).toBe(204);
    await blow(load);
  };
  await underLoad(title, system(), expected, leaveAndBlow, writingBy(people));
  await eventually(async () => expect(await countOf(ask, leaver)).toBe(0), { timeoutMs: 60_000 });
  const [author] = await ask<{ name: string | null; gone: boolean }>(
    'posts',
    'select name, deleted_at is not null as gone from authors where id = $1',
    [leaver.id],
  );
  expect(author).toEqual({ name: null, gone: true });
}

test('posts: kill -9 of the api processes', async () => {
  const expected = { answersMayBreak: true, refusalsMayBe: true } as const;
  await whileOneLeaves('posts: kill -9 api', expected, (load) => killInTurn(system().podsOf('posts', 'api'), load));
});

test('posts: kill -9 of the workers', async () => {
  await whileOneLeaves('posts: kill -9 worker', {}, (load) => killInTurn(system().podsOf('posts', 'worker'), load));
});

test('posts: Postgres is killed, and comes back', async () => {
  const expected = { answersMayBreak: true, refusalsMayBe: true } as const;
  await whileOneLeaves('posts: Postgres kill -9', expected, () => system().postgres.kill());
});

test('posts: RabbitMQ is killed and comes back', async () => {
  await whileOneLeaves('posts: RabbitMQ kill -9', {}, async () => {
    const { rabbit } = system();
    await rabbit.kill();
    await rabbit.start();
  });
});
