import { createDatabase, type Database } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { uuidv7 } from '@stoa/service';
import { sql } from 'kysely';
import { Registry } from 'prom-client';
import { Type } from 'typebox';
import { createMessaging, messagingMigrations } from '../create-messaging.ts';
import { createLocalBroker } from '../local-broker.ts';
import { createMessageWriters } from '../message-writers.ts';
import type { MessagingSettings } from '../settings.ts';
import { type Cron, type Job, job } from '../types.ts';
import { silent } from './copies.ts';

/** The data of `effect`. */
export const Data = Type.Object({ n: Type.Optional(Type.Integer()) });

/** A service with jobs alone, and a table `effects` that they write. */
export async function openService(
  jobs: readonly Job[],
  {
    crons = [],
    settings = {},
    leftoversExpected = '',
  }: { crons?: readonly Cron[]; settings?: Partial<MessagingSettings>; leftoversExpected?: string } = {},
) {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  await using undo = new AsyncDisposableStack();
  const fixture = undo.use(await testDatabase<unknown>({ sources, ...(leftoversExpected === '' ? {} : { leftoversExpected }) }));
  const { database } = fixture;
  await sql`create table effects (n integer)`.execute(database.query);
  const create = (own: Database<unknown>, overrides: Partial<MessagingSettings> = {}) =>
    createMessaging({
      ...{
        service: 'service',
        database: own,
        broker: createLocalBroker({ log: silent }),
        log: silent,
        metrics: new Registry(),
        consumers: [],
        jobs,
        crons,
        instanceId: uuidv7(),
      },
      settings: { pollMs: 250, backoff: { firstMs: 20, longestMs: 100 }, handleAttempts: 3, ...settings, ...overrides },
    });
  const messaging = create(database);
  const stops: (() => Promise<void>)[] = [() => messaging.stop()];
  undo.move();
  return {
    database,
    messaging,
    /** One more copy, with connections of its own. */
    async startCopy(overrides?: Partial<MessagingSettings>) {
      const own = createDatabase<unknown>({ url: fixture.url, name: 'copy', log: silent, metrics: new Registry() });
      const copy = create(own, overrides);
      stops.push(async () => {
        await copy.stop();
        await own.close();
      });
      await copy.start();
      return copy;
    },
    rows: async () =>
      (await sql<Record<string, unknown>>`select consumer, status, attempts, reason from inbox order by id`.execute(database.query)).rows,
    effects: async () => (await sql<{ n: number }>`select n from effects order by n`.execute(database.query)).rows.map(({ n }) => n),
    enqueue: (declared: Job, data: unknown, options: { runAt?: Date; id?: string } = {}) =>
      database.transaction((tx) => createMessageWriters('service', database).jobs(tx).enqueue(declared, data, options)),
    async [Symbol.asyncDispose]() {
      await Promise.all(stops.map((stop) => stop()));
      await fixture[Symbol.asyncDispose]();
    },
  };
}

/** A job that writes its number, and then does what a test has in mind. */
export const effect = (behave: (n: number) => unknown = () => {}): Job =>
  job<unknown, typeof Data>({
    name: 'write',
    data: Data,
    async handle(tx, { n = 0 }) {
      await sql`insert into effects values (${n})`.execute(tx);
      await behave(n);
    },
  }) as Job;
