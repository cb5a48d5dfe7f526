import { testDatabase } from '@stoa/postgres/testing';
import { fakeClock } from '@stoa/service';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { migrationSourcesOf } from '../migration-sources.ts';
import { pruneIdempotencyKeys } from './prune-idempotency-keys.ts';

test('expired keys go a batch at a time, and the job runs again as long as there may be more; the others stay', async () => {
  await using fixture = await testDatabase<unknown>({ sources: migrationSourcesOf({ name: 'things' }) });
  const { database } = fixture;
  const clock = fakeClock();
  const insert = (count: number, expiresAt: Date) =>
    sql`insert into idempotency_keys (key, request, owner, lease_until, expires_at)
      select decode(md5(${expiresAt}::text || n), 'hex'), '', gen_random_uuid(), ${expiresAt}, ${expiresAt} from generate_series(1, ${count}::int) as n`.execute(
      database.query,
    );
  await insert(2_500, clock.now());
  await insert(10, new Date(clock.now().getTime() + 1));
  const prune = pruneIdempotencyKeys<unknown>(clock);
  const left = async () =>
    (await sql<{ n: number }>`select count(*)::int as n from idempotency_keys`.execute(database.query)).rows.map(({ n }) => n);
  const said: unknown[] = [];
  for (let n = 0; n < 3; n += 1) said.push(await database.transaction<unknown>((tx) => prune.handle(tx, {})), ...(await left()));
  expect(said).toEqual(['more', 1_510, 'more', 510, undefined, 10]);
});
