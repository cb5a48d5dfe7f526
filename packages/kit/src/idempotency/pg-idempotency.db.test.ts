import { randomBytes, randomUUID } from 'node:crypto';
import { idempotencyStoreContract } from '@stoa/http/testing';
import { type TestDatabase, testDatabase } from '@stoa/postgres/testing';
import { afterAll, expect, test } from 'vitest';
import { migrationSourcesOf } from '../migration-sources.ts';
import { createPgIdempotency } from './pg-idempotency.ts';

interface Schema {
  idempotency_keys: { key: Buffer };
}

let fixture: TestDatabase<Schema>;
afterAll(() => fixture[Symbol.asyncDispose]());

idempotencyStoreContract('Postgres', async () => {
  fixture = await testDatabase<Schema>({ sources: migrationSourcesOf({ name: 'things' }), maxConnections: 20 });
  return createPgIdempotency(fixture.database.query);
});

test('what expired is removed, the oldest first, so many at once', async () => {
  const { query } = fixture.database;
  await query.deleteFrom('idempotency_keys').execute();
  const store = createPgIdempotency(query);
  const now = new Date('2026-11-21T09:00:00Z');
  const keys = await Promise.all(
    [5, 1, 2, 3, 4].map(async (second) => {
      const key = randomBytes(32);
      const expiresAt = new Date(now.getTime() + second * 1_000);
      await store.begin({ key, request: key, owner: randomUUID(), reservedResourceId: randomUUID(), now, leaseUntil: now, expiresAt });
      return key;
    }),
  );
  const left = async () => (await query.selectFrom('idempotency_keys').select('key').execute()).map(({ key }) => key);
  const before = new Date(now.getTime() + 4_000);
  expect(await store.prune(before, 3)).toBe(3);
  expect(await left()).toEqual(expect.arrayContaining([keys[0], keys[4]]));
  expect(await store.prune(before, 3)).toBe(1);
  expect(await left()).toEqual([keys[0]]);
});
