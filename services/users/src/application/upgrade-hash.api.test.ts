import { createLog } from '@stoa/service';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPasswords } from '../infrastructure/passwords/passwords.ts';
import { createPgUserWriter } from '../infrastructure/pg-users.ts';
import { peopleOf } from '../testing/people.ts';
import { tally, times, type UsersUnderTest, usersUnderTest } from '../testing/users-under-test.ts';
import type { InTransaction, UsersTx } from './ports.ts';
import { createUpgradeHash } from './upgrade-hash.ts';

const ARGON2ID = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;
const { signal } = new AbortController();

let users: UsersUnderTest;
let people: ReturnType<typeof peopleOf>;

beforeAll(async () => {
  users = await usersUnderTest({ RATE_LIMITS: 'off', PASSWORD_HASHER: 'argon2id' });
  people = peopleOf(users);
  await sql`create table hash_changes (user_id uuid not null)`.execute(users.database.query);
  await sql`create function note_hash() returns trigger language plpgsql as
    $$ begin insert into hash_changes values (new.id); return new; end $$`.execute(users.database.query);
  await sql`create trigger note_hash after update of password_hash on users for each row execute function note_hash()`.execute(
    users.database.query,
  );
});
afterAll(() => users[Symbol.asyncDispose]());

const bcrypt = createPasswords({
  hasher: { algorithm: 'bcrypt', cost: 4 },
  maxWaiting: 9,
  metrics: new Registry(),
  log: createLog({ level: 'silent' }),
});
const hashOf = async (id: string) =>
  (await users.database.query.selectFrom('users').select('password_hash').where('id', '=', id).executeTakeFirstOrThrow()).password_hash;
const setHash = (id: string, hash: string) =>
  users.database.query.updateTable('users').set({ password_hash: hash }).where('id', '=', id).execute();
const changesOf = async (id: string) =>
  (await sql<{ count: number }>`select count(*)::int from hash_changes where user_id = ${id}`.execute(users.database.query)).rows[0]?.count;

/** Somebody whose hash is by bcrypt, as if the configuration had changed since. */
async function withOldHash() {
  const person = await people.active();
  const old = await bcrypt.hash(person.password, signal);
  await setHash(person.id, old);
  return { ...person, old };
}

describe('an older hash', () => {
  test('is made anew by the log-in that proves its password; nothing that people see changes', async () => {
    const person = await withOldHash();
    const before = (await people.logIn({ ...person, password: 'not the password' })).statusCode;
    expect([before, await hashOf(person.id)]).toEqual([401, person.old]);
    const { user } = (await people.logIn(person)).json();
    expect(await hashOf(person.id)).toMatch(ARGON2ID);
    expect((await people.logIn(person)).json().user).toEqual(user);
    expect(await changesOf(person.id)).toBe(2);
  });

  test('is made anew once, by twenty log-ins at a time over two copies', async () => {
    const person = await withOldHash();
    const before = (await changesOf(person.id)) as number;
    const copy = await users.another();
    const body = { identifier: person.email, password: person.password };
    const answers = await times(20, (index) =>
      (index % 2 ? users.http : copy.http).inject({ method: 'POST', url: '/v1/sessions', payload: body }),
    );
    await copy.stop();
    expect(tally(answers)).toEqual({ 201: 20 });
    expect((await changesOf(person.id)) as number).toBe(before + 1);
    expect(await hashOf(person.id)).toMatch(ARGON2ID);
    expect((await people.logIn(person)).statusCode).toBe(201);
  });

  test('that was cut at 72 bytes stays for a person who types more: the rest was never proven', async () => {
    const person = await people.active();
    const imported = (await bcrypt.hash('x'.repeat(72), signal)).replace('$2b$', '$2y$');
    await setHash(person.id, imported);
    expect((await people.logIn({ ...person, password: 'x'.repeat(80) })).statusCode).toBe(201);
    expect(await hashOf(person.id)).toBe(imported);
    expect((await people.logIn({ ...person, password: 'x'.repeat(72) })).statusCode).toBe(201);
    expect(await hashOf(person.id)).toMatch(ARGON2ID);
  });
});

describe('the new hash', () => {
  const inTransaction: InTransaction = (work) =>
    users.database.transaction((tx) => work({ users: createPgUserWriter(tx) } as unknown as UsersTx));
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  const argon2id = (maxWaiting = 9) =>
    createPasswords({
      hasher: { algorithm: 'argon2id', memoryKib: 64, passes: 1, parallelism: 1 },
      maxWaiting,
      metrics: new Registry(),
      log,
    });

  test('never takes the place of a new password', async () => {
    const person = await withOldHash();
    const newer = await bcrypt.hash('another password', signal);
    const upgradeHash = createUpgradeHash({ passwords: argon2id(), inTransaction, log });
    const upgrade = upgradeHash(person.id, person.password, person.old, signal);
    await setHash(person.id, newer);
    await upgrade;
    expect(await hashOf(person.id)).toBe(newer);
  });

  test('is left for the next log-in when no core is free, the client is gone or the database is away', async () => {
    const person = await withOldHash();
    const passwords = argon2id(0);
    const busy = Array.from({ length: 64 }, () => passwords.hash('analytical engine', signal).catch(() => {}));
    await createUpgradeHash({ passwords, inTransaction, log })(person.id, person.password, person.old, signal);
    await Promise.all(busy);
    await createUpgradeHash({ passwords, inTransaction, log })(person.id, person.password, person.old, AbortSignal.abort());
    expect(lines).toEqual([]);
    const away: InTransaction = () => Promise.reject(new Error('the database is away'));
    const upgradeHash = createUpgradeHash({ passwords, inTransaction: away, log });
    await upgradeHash(person.id, person.password, person.old, signal);
    expect(lines).toEqual([expect.stringContaining('the next log-in tries again')]);
    expect(lines[0]).not.toContain(person.password);
    expect(await hashOf(person.id)).toBe(person.old);
  });
});
