import { randomBytes, randomUUID } from 'node:crypto';
import { migrationSourcesOf } from '@stoa/kit';
import { plansOf, testDatabase } from '@stoa/postgres/testing';
import { systemClock } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { type Kysely, sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseUserSearch } from '../domain/user-search.ts';
import { users } from '../index.ts';
import { createPgAuditLog } from './audit.view.ts';
import { createPgLinkReader } from './pg-account-links.ts';
import { createPgAdministrators } from './pg-administrators.ts';
import { createPgIdentityFeed } from './pg-identity-feed.ts';
import { createPgOwnRoles } from './pg-own-roles.ts';
import { createPgPublicProfiles } from './pg-public-profiles.ts';
import { createPgSessionStore, createPgSessionWriter } from './pg-sessions.ts';
import { createPgUserReader } from './pg-users.ts';
import { seedUsers } from './seed-users.ts';
import type { UsersTables } from './tables.ts';
import { createUserList } from './user-list.view.ts';
import { createReadProfile } from './user-profile.view.ts';

/**
 * How PostgreSQL runs the statements that are sent most, with tables as full as they get: never by reading a whole one. What is
 * explained is what the product itself sends.
 */
const sources = migrationSourcesOf(users);
const USERS = 30_000;
const now = new Date('2026-11-21T09:00:00Z');
const later = new Date('2026-12-21T09:00:00Z');

let fixture: Awaited<ReturnType<typeof testDatabase<UsersTables>>>;
let person: { id: string; email: string };

beforeAll(async () => {
  fixture = await testDatabase<UsersTables>({ sources });
  const { database } = fixture;
  await seedUsers(database, { count: USERS, passwordHash: 'x', now, onProgress: () => {} });
  const { query } = database;
  await sql`update users set status = 'pending' where id in (select id from users offset 100 limit 20)`.execute(query);
  await sql`
    insert into sessions (id, user_id, generation, digest, created_at, refreshed_at, idle_expires_at, expires_at, device)
    select gen_random_uuid(), id, 1, decode(md5(id::text), 'hex'), ${now}, ${now}, ${later}, ${later}, 'x' from users`.execute(query);
  await sql`
    insert into account_links (id, user_id, purpose, requested_at, digest, expires_at)
    select gen_random_uuid(), id, 'reset-password', ${now}, decode(md5(id::text), 'hex'), ${now} from users`.execute(query);
  await sql`
    insert into audit (id, at, action, actor, subject, correlation_id)
    select gen_random_uuid(), ${now}, 'logged-in', 'user:' || id, id::text, 'x' from users`.execute(query);
  // In transactions of their own, as log-outs are: the transaction tells what is new from what is old.
  for (let n = 0; n < 100; n += 1) {
    await sql`insert into revocations (session_id, expires_at) select gen_random_uuid(), ${now} from generate_series(1, 50)`.execute(query);
  }
  // What a transaction of another test may have seen begin is new for as long as that one lasts.
  await eventually(async () => {
    const { rows } = await sql`select from revocations where xid >= pg_snapshot_xmin(pg_current_snapshot()) limit 1`.execute(query);
    expect(rows).toEqual([]);
  });
  await sql`vacuum analyze`.execute(query);
  // Behind the back of the statistics: of three among a million the sample meets none.
  await sql`update users set roles = array['user', 'admin', 'helper'] where id in (select id from users limit 3)`.execute(query);
  await sql`vacuum users`.execute(query);
  person = await query.selectFrom('users').select(['id', 'email']).limit(1).executeTakeFirstOrThrow();
  // They log in and out all day.
  await sql`
    insert into sessions (id, user_id, generation, digest, created_at, refreshed_at, idle_expires_at, expires_at, ended_at, device)
    select gen_random_uuid(), ${person.id}, 1, '', ${now}, ${now}, ${later}, ${later}, ${now}, 'x' from generate_series(1, 5000)`.execute(
    query,
  );
  await sql`vacuum analyze sessions`.execute(query);
}, 120_000);
afterAll(() => fixture[Symbol.asyncDispose]());

/** They hold tens of rows, and are read whole on purpose. */
const SMALL = ['roles', 'service_accounts', 'signing_keys'];

const list = (filter: { q?: string; status?: 'pending' | 'active'; role?: string }, after?: string) => (db: Kysely<UsersTables>) => {
  const { q, ...others } = filter;
  const search = q === undefined ? undefined : parseUserSearch(q);
  return createUserList(db)({ search, ...others }, { limit: 21, after: after === undefined ? undefined : { id: after, match: 'part' } });
};
const reader = (db: Kysely<UsersTables>) => createPgUserReader(db);
const sessions = (db: Kysely<UsersTables>) => createPgSessionStore(db);
const sessionWriter = (db: Kysely<UsersTables>) => createPgSessionWriter(db as Transaction<UsersTables>, () => {});
const profiles = (db: Kysely<UsersTables>) => createPgPublicProfiles(db as Transaction<UsersTables>, { enqueue: async () => {} });

test.for<[string, (db: Kysely<UsersTables>) => Promise<unknown>, string]>([
  ['the list', list({}), 'users_pkey'],
  ['its page behind an account', list({}, randomUUID()), 'users_pkey'],
  ['the list by a rare status', list({ status: 'pending' }), 'users_status'],
  ['the list by a common status', list({ status: 'active' }), 'users_pkey'],
  ['the list of administrators', list({ role: 'admin' }), 'users_administrators'],
  ['administrators of a name', list({ role: 'admin', q: 'lovelace' }), 'users_administrators'],
  ['the list by a rare role', list({ role: 'helper' }), 'users_roles'],
  ['the list by a common role', list({ role: 'user' }), 'users_pkey'],
  ['a search for what is rare', list({ q: 'lovelace.00' }), 'users_search'],
  ['a search for what nobody has', list({ q: 'xyzzyplugh' }), 'users_search'],
  ['a search for what nearly everybody has', list({ q: 'example' }), 'users_pkey'],
  ['a search for a beginning that nobody has', list({ q: 'qx' }), 'users_search'],
  ['a search for what is misspelt', list({ q: 'kernigan brian xyz' }), 'users_search'],
  ['a search for a number', list({ q: '030 999 99 99 99' }), 'users_search'],
  ['a search for an address', list({ q: 'ada.lovelace.x@example.com' }), 'users_email_prefix'],
  ['a search for a login or an address', list({ q: 'ada1815' }), 'users_login_prefix'],
  ['a search for a number from abroad', list({ q: '0049 30 901820' }), 'users_phone_prefix'],
  [
    'whether there is another administrator',
    (db) => createPgAdministrators(db as Transaction<UsersTables>).existBeside(person.id),
    'users_administrators',
  ],
  ['whether anybody has a role', (db) => createPgOwnRoles(db as Transaction<UsersTables>, () => {}).isInUse('nobody'), 'users_roles'],
  ['what was done to an account', (db) => createPgAuditLog(db).list({ subject: person.id }, { limit: 21 }), 'audit_of_subject'],
  ['log-in by e-mail address', (db) => reader(db).findAccount('email', person.email), 'users_email_'],
  ['log-in by login', (db) => reader(db).findAccount('login', 'ada'), 'users_login_'],
  ['log-in by phone number', (db) => reader(db).findAccount('phone', '+4930901820'), 'users_phone_'],
  [
    'whether something is taken',
    (db) => reader(db).findTaken({ email: 'a@example.com', login: 'ada', phone: '+4930901820' }),
    'users_login_',
  ],
  ['the first names of all', (db) => profiles(db).page(null, 500), 'users_pkey'],
  ['the names behind an account', (db) => profiles(db).page(person.id, 500), 'users_pkey'],
  ['the profile', (db) => createReadProfile(db)(person.id), 'users_pkey'],
  [
    'a refresh',
    (db) =>
      sessions(db).rotate(
        { sessionId: randomUUID(), generation: 1, digest: randomBytes(32), successor: { token: '', digest: randomBytes(32) } },
        now,
        1,
      ),
    'sessions_pkey',
  ],
  ['the sessions of a person', (db) => sessions(db).liveOf(person.id, now, { limit: 21 }), 'sessions_live'],
  ['what a log-in ends beyond the cap', (db) => sessionWriter(db).endOldest(person.id, 'replaced', now, 99), 'sessions_live'],
  ['log-out everywhere', (db) => sessionWriter(db).endAll(person.id, 'logged-out', now), 'sessions_live'],
  ['whether a device is known', (db) => sessionWriter(db).knowsDevice(person.id, 'x'), 'sessions_of_user'],
  ['a link of a mail', (db) => createPgLinkReader(db).findByDigest(randomBytes(32)), 'account_links_digest'],
  [
    'the changes of identities',
    async (db) => {
      const feed = createPgIdentityFeed(db, systemClock);
      const { cursor } = await feed.answer({ wait: false, used: [] }, AbortSignal.timeout(5_000));
      await feed.answer({ cursor, wait: false, used: [] }, AbortSignal.timeout(5_000));
    },
    'revocations_xid',
  ],
])('%s is served by an index', async ([, work, index]) => {
  const nodes = await plansOf(fixture.database.query, work);
  const whole = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && !SMALL.includes(node['Relation Name'] ?? ''));
  expect(whole).toEqual([]);
  expect(nodes.map((node) => node['Index Name'] ?? '')).toContainEqual(expect.stringContaining(index));
});

test('accounts with a rare role are found however long ago they registered, on whichever page', async () => {
  const { query } = fixture.database;
  const helpers = await query
    .selectFrom('users')
    .select('id')
    .where('roles', '@>', sql<string[]>`array['helper']`)
    .orderBy('id', 'desc')
    .execute();
  const listed = createUserList(query);
  const found: string[] = [];
  for (let page = 0; page <= helpers.length; page += 1) {
    const id = found.at(-1);
    const { users } = await listed({ role: 'helper' }, { limit: 1, after: id === undefined ? undefined : { id, match: 'part' } });
    found.push(...users.map((user) => user.id));
  }
  expect(helpers).toHaveLength(3);
  expect(found).toEqual(helpers.map(({ id }) => id));
});
