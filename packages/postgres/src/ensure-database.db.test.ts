import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureDatabase } from './ensure-database.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

const name = `ensure_${randomUUID().slice(0, 8)}`;
let fixture: TestDatabase<unknown>;
let admin: pg.Client;

beforeAll(async () => {
  fixture = await testDatabase();
  admin = new pg.Client({ connectionString: fixture.url });
  await admin.connect();
});
afterAll(async () => {
  for (const made of [name, `${name}_twin`]) {
    await admin.query(`drop database if exists "${made}" with (force)`);
    await admin.query(`drop role if exists "${made}"`);
  }
  await admin.query(`drop role if exists ${name}_admin`);
  await admin.end();
  await fixture[Symbol.asyncDispose]();
});

const ensure = (options: { database?: string; adminUrl?: string; password?: string } = {}) => {
  const database = options.database ?? name;
  return ensureDatabase({
    adminUrl: options.adminUrl ?? fixture.url,
    database,
    role: database,
    password: options.password ?? 'p@ss/w:rd%41',
  });
};

const whoAmI = async (url: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('create table if not exists mine ()');
    return (await client.query('select current_user as role, current_database() as database')).rows[0];
  } finally {
    await client.end();
  }
};

describe('ensureDatabase', () => {
  test('many starters at once make the role and its database once, and all get the URL that reaches it', async () => {
    const urls = await Promise.all([ensure(), ensure(), ensure(), ensure()]);
    expect(new Set(urls).size).toBe(1);
    expect(await whoAmI(urls[0] as string)).toEqual({ role: name, database: name });
  });

  test('a second run keeps the data, and a changed password takes hold', async () => {
    await whoAmI(await ensure());
    const before = await ensure();
    const after = await ensure({ password: 'new' });
    expect(await whoAmI(after)).toEqual({ role: name, database: name });
    await expect(whoAmI(before)).rejects.toThrow('password authentication failed');
  });

  test('other roles may not connect to the database', async () => {
    await Promise.all([ensure(), ensure({ database: `${name}_twin` })]);
    const { rows } = await admin.query(
      `select has_database_privilege($1, $2, 'connect') as mine, has_database_privilege($1, $3, 'connect') as foreign`,
      [name, name, `${name}_twin`],
    );
    expect(rows).toEqual([{ mine: true, foreign: false }]);
  });

  test('works for an administrator who is no superuser, as managed servers have it', async () => {
    await admin.query(`create role ${name}_admin login createdb createrole password 'x'`);
    await admin.query(`drop database if exists "${name}_twin" with (force)`);
    await admin.query(`drop role if exists "${name}_twin"`);
    const adminUrl = Object.assign(new URL(fixture.url), { username: `${name}_admin`, password: 'x' }).href;
    expect(await whoAmI(await ensure({ adminUrl, database: `${name}_twin` }))).toEqual({ role: `${name}_twin`, database: `${name}_twin` });
    await ensure({ adminUrl, database: `${name}_twin` });
  });
});
