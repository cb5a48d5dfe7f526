import { userDeleted, userProfilesRequested, userProfilesSnapshot } from '@stoa/contracts';
import { migrationSourcesOf, unitOfWork } from '@stoa/kit';
import { createLocalBroker, createMessageWriters, createMessaging, type Message } from '@stoa/messaging';
import { drained } from '@stoa/messaging/testing';
import { testDatabase } from '@stoa/postgres/testing';
import { createContext, createLog, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { publishChangedProfiles } from '../application/publish-changed-profiles.ts';
import { profileChanged } from '../domain/profile.ts';
import { activated, blocked, newUser, type User } from '../domain/user.ts';
import { users } from '../index.ts';
import { publishProfilesJob } from '../infrastructure/pg-public-profiles.ts';
import { createPgUserWriter } from '../infrastructure/pg-users.ts';
import type { UsersTables } from '../infrastructure/tables.ts';
import { createUsersTx } from '../infrastructure/users-tx.ts';
import { namesAfter, profilesIn } from '../testing/profiles.ts';
import { publishingProfiles } from './background.ts';

const now = new Date('2026-11-21T09:00:00Z');

/** The messaging of the service with parts of two, not yet started, and what posts receives of it. */
async function publishingSystem() {
  const fixture = await testDatabase<UsersTables>({ sources: migrationSourcesOf(users) });
  const { database } = fixture;
  const log = createLog({ level: 'silent' });
  const broker = createLocalBroker({ log });
  const heard: Message[] = [];
  const types = ['user-deleted', 'user-profile-changed', 'user-profiles-snapshot'];
  await broker.subscribe('posts', types, async (messages) => void heard.push(...(messages as Message[])));
  await broker.subscribe('mailer', ['user-deleted'], async () => {});
  const writers = createMessageWriters('users', database);
  const unit = unitOfWork(database, (tx: Transaction<UsersTables>) => createUsersTx(tx, writers), publishChangedProfiles);
  const { consumers, jobs } = publishingProfiles({ unit }, 2);
  const messaging = createMessaging<UsersTables>({
    service: 'users',
    database,
    broker,
    log,
    metrics: new Registry(),
    consumers,
    jobs,
    crons: [],
    instanceId: 'test',
  });
  const inTransaction = unit.run;
  return {
    messaging,
    heard,
    inTransaction,
    parts: () => heard.filter(({ type }) => type === userProfilesSnapshot.name),
    /** Accounts that existed before any event of accounts, in the order of their ids. */
    async accounts(make: readonly ((user: User) => User)[]): Promise<readonly User[]> {
      const made = make.map((become) => {
        const id = uuidv7();
        return become(newUser(id, { email: `${id}@example.com`, password: null, login: null, phone: null, fullName: `Number ${id}` }, now));
      });
      for (const user of made) await database.transaction((tx) => createPgUserWriter(tx).insert(user, null));
      return made;
    },
    publishPart: (after: string | null, meanwhile: () => Promise<void> = async () => {}) =>
      database.transaction(async (tx) => {
        await jobs[0]?.handle(tx, { after });
        await meanwhile();
      }),
    change: (id: string, become: (user: User) => User) =>
      inTransaction(async (tx) => tx.users.save(become((await tx.users.lock(id)) as User))),
    remove: (id: string) =>
      inTransaction(async (tx) => {
        await tx.users.remove(id);
        await tx.outbox.append(userDeleted, { userId: id, deletedAt: now.toISOString() });
      }),
    /** @param id a message's: the same again is a repeat of it. */
    async ask(id = uuidv7()) {
      const { name: type, version, source } = userProfilesRequested;
      const { correlationId, traceparent } = createContext();
      const data = { requestId: id };
      const message = { id, type, version, source, key: id, occurredAt: now.toISOString(), correlationId, traceparent, data };
      expect(await broker.publish([{ message, subscribers: ['users'] }])).toEqual([]);
    },
    /** Where the parts begin that are still to be published. */
    async waiting() {
      const { rows } = await sql<{ after: string | null }>`
        select data->>'after' as after from inbox where type = ${publishProfilesJob.name} and status = 'pending' order by id`.execute(
        database.query,
      );
      return rows.map(({ after }) => after);
    },
    done: () => drained(database),
    async [Symbol.asyncDispose]() {
      await drained(database);
      await messaging.stop();
      await broker.close();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

const active = (user: User) => activated(user, now);
const named = (fullName: string) => (user: User) => profileChanged(user, { fullName }, now);
const names = (accounts: readonly User[]) => Object.fromEntries(accounts.map(({ id, fullName }) => [id, fullName]));

test('all accounts that are or were active are published, in parts; no others', async () => {
  await using system = await publishingSystem();
  const pending = (user: User) => user;
  const accounts = await system.accounts([
    active,
    pending,
    active,
    (user) => blocked(active(user), now),
    (user) => blocked(user, now),
    active,
  ]);
  await system.messaging.start();
  await system.ask();
  await system.done();
  const [first, , second, third, , fourth] = accounts as [User, User, User, User, User, User];
  // The last part is full: that nobody is behind it shows when the next is looked for, and is no event.
  expect(system.parts().map(({ data }) => data)).toEqual([
    { profiles: [first, second].map(({ id, fullName, version }) => ({ userId: id, name: fullName, version })) },
    { profiles: [third, fourth].map(({ id, fullName, version }) => ({ userId: id, name: fullName, version })) },
  ]);
});

test('asked twice at a time, and one of them repeated, it comes to the same', async () => {
  await using system = await publishingSystem();
  const accounts = await system.accounts([active, active, active, active, active]);
  await system.messaging.start();
  const id = uuidv7();
  await Promise.all([system.ask(id), system.ask(), system.ask(id)]);
  await system.done();
  expect(namesAfter(system.heard)).toEqual(names(accounts));
  expect(system.parts()).toHaveLength(6);
});

test('an account that is renamed, activated or deleted meanwhile ends as it is, in whichever order events arrive', async () => {
  await using system = await publishingSystem();
  const [a, b, c, d, e, f, g] = (await system.accounts([active, active, active, active, active, (user) => user, active])) as [
    User,
    User,
    User,
    User,
    User,
    User,
    User,
  ];
  // Commits while a part has been read that knows nothing of it.
  await system.publishPart(null, async () => {
    await system.change(a.id, named('Ada King'));
    await system.remove(b.id);
  });
  expect(await system.waiting()).toEqual([b.id]);
  await system.remove(c.id);
  await system.change(d.id, named('Dennis'));
  await system.publishPart(b.id);
  await system.change(d.id, named('Dennis Ritchie'));
  await system.change(e.id, named('Edsger'));
  await system.remove(e.id);
  // Behind the part that is published next.
  await system.publishPart(g.id, () => system.change(f.id, active));
  await system.messaging.start();
  await system.done();
  const end = names([{ ...a, fullName: 'Ada King' }, { ...d, fullName: 'Dennis Ritchie' }, f, g]);
  expect(namesAfter(system.heard)).toEqual(end);
  expect(namesAfter(system.heard.toReversed())).toEqual(end);
  expect(profilesIn(system.heard)).toContainEqual({ userId: a.id, name: a.fullName, version: 2 });
  expect(profilesIn(system.heard).map(({ userId }) => userId)).toContain(b.id);
});

test('an account that was not locked is not saved: what others know of it is not known', async () => {
  await using system = await publishingSystem();
  const [user] = (await system.accounts([active])) as [User];
  await expect(system.inTransaction((tx) => tx.users.save(named('Ada King')(user)))).rejects.toThrow('without its lock');
});
