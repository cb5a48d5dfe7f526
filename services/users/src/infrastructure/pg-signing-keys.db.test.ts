import { randomBytes, randomUUID } from 'node:crypto';
import { migrationSourcesOf } from '@stoa/kit';
import { testDatabase } from '@stoa/postgres/testing';
import { createKeys, fakeClock } from '@stoa/service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newUser } from '../domain/user.ts';
import { users } from '../index.ts';
import { createPgSigningKeys, publicKeys, removeOldSigningKeys } from './pg-signing-keys.ts';
import type { UsersTables } from './tables.ts';

const sources = migrationSourcesOf(users);
const derive = createKeys(randomBytes(32).toString('base64'));
const person = newUser(randomUUID(), { email: 'ada@example.com', password: '', login: null, phone: null, fullName: null }, new Date());
const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString()).kid as string;

let fixture: Awaited<ReturnType<typeof testDatabase<UsersTables>>>;
beforeAll(async () => {
  fixture = await testDatabase<UsersTables>({ sources });
});
afterAll(() => fixture[Symbol.asyncDispose]());

test('twenty starters make one key; a new one signs when all know it; the old one verifies until its last token is over', async () => {
  const { database } = fixture;
  const clock = fakeClock(new Date('2026-11-21T09:00:00Z'));
  const copies = Array.from({ length: 20 }, () => createPgSigningKeys(database, derive, clock));
  await Promise.all(copies.map((copy) => copy.ensure()));
  const shown = async () => (await publicKeys(database.query, clock.now())).map(({ kid }) => kid);
  const [first] = (await shown()) as [string];
  expect(await shown()).toEqual([first]);
  const [signer] = copies as [(typeof copies)[number]];
  const signs = async () => kidOf(await signer.issue(person, randomUUID(), clock.now()));
  expect(await signs()).toBe(first);

  const { kid: second, signsFrom } = await database.transaction((tx) => signer.rotate(tx));
  expect(signsFrom).toEqual(new Date('2026-11-21T09:00:30Z'));
  expect((await shown()).toSorted()).toEqual([first, second].toSorted());
  clock.advance(29_999);
  expect(await signs()).toBe(first);
  // A signer looks again every five seconds.
  clock.advance(5_001);
  expect(await signs()).toBe(second);

  clock.advance(300_000);
  await database.transaction((tx) => removeOldSigningKeys(tx, clock.now()));
  expect(await shown()).toContain(first);
  clock.advance(60_000);
  expect(await shown()).toEqual([second]);
  await database.transaction((tx) => removeOldSigningKeys(tx, clock.now()));
  expect(await signs()).toBe(second);
});

test('a key opens with the secret of its installation alone', async () => {
  const { database } = fixture;
  const clock = fakeClock();
  await createPgSigningKeys(database, derive, clock).ensure();
  const stranger = createPgSigningKeys(database, createKeys(randomBytes(32).toString('base64')), clock);
  await expect(stranger.issue(person, randomUUID(), clock.now())).rejects.toThrow();
});
