import { randomUUID } from 'node:crypto';
import { type TestDatabase, testDatabase } from '@stoa/postgres/testing';
import { afterAll, expect, test } from 'vitest';
import { newUser } from '../domain/user.ts';
import { codesContract } from './codes-contract.ts';
import { createPgCodes, removeOldCodes } from './pg-codes.ts';
import { createPgUserWriter } from './pg-users.ts';
import type { UsersTables } from './tables.ts';

let fixture: TestDatabase<UsersTables>;
afterAll(() => fixture[Symbol.asyncDispose]());

const newAccount = async () => {
  const id = randomUUID();
  const person = { email: `${id}@example.com`, password: '', login: null, phone: null, fullName: null };
  await fixture.database.transaction((tx) => createPgUserWriter(tx).insert(newUser(id, person, new Date()), 'no hash'));
  return id;
};

codesContract('Postgres', async () => {
  fixture = await testDatabase<UsersTables>({ sources: [{ name: 'users', directory: new URL('../../migrations/', import.meta.url) }] });
  return { codes: createPgCodes(fixture.database.query), newAccount };
});

const code = (userId: string, expiresAt: Date) => ({
  userId,
  requestId: randomUUID(),
  requestNumber: 1,
  digest: Buffer.alloc(32),
  expiresAt,
});

test('an account that is gone keeps no code', async () => {
  expect(await createPgCodes(fixture.database.query).keep(code(randomUUID(), new Date()))).toBe(false);
});

test('old codes can be removed', async () => {
  const codes = createPgCodes(fixture.database.query);
  const [old, young] = [await newAccount(), await newAccount()];
  await codes.keep(code(old, new Date(1_000)));
  await codes.keep(code(young, new Date(2_000)));
  await fixture.database.transaction((tx) => removeOldCodes(tx, new Date(2_000), 1_000));
  expect(await codes.attempt(old, new Date(3_000))).toEqual({ state: 'none' });
  expect(await codes.attempt(young, new Date(3_000))).toEqual({ state: 'expired' });
});
