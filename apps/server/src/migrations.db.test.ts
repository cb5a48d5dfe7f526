import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { testDatabase } from '@stoa/postgres/testing';
import { createKeys, createLog } from '@stoa/service';
import { expect, test } from 'vitest';
import { pendingOf, prepareDatabase } from './migrations.ts';

test('tables of packages that a service names are made before its own', async () => {
  await using fixture = await testDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'databases-'));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const write = async (name: string, statement: string) => {
    const directory = await mkdtemp(join(folder, `${name}-`));
    await writeFile(join(directory, '0001-tables.sql'), statement);
    return pathToFileURL(`${directory}/`);
  };
  const shop = {
    name: 'shop',
    migrations: await write('shop', 'alter table streams add column of_shop text;'),
    packageMigrations: [{ name: 'streams', directory: await write('streams', 'create table streams ();') }],
  };
  const derive = createKeys(Buffer.alloc(32).toString('base64'));
  const place = { adminUrl: undefined, prefix: 'stoa_', derive, environment: { SHOP_DATABASE_URL: fixture.url } };
  const log = createLog({ level: 'silent' });
  expect((await pendingOf(shop, place, log)).slice(-2)).toEqual(['streams/0001-tables.sql', 'shop/0001-tables.sql']);
  await prepareDatabase(shop, place, log);
  expect(await pendingOf(shop, place, log)).toEqual([]);
});
