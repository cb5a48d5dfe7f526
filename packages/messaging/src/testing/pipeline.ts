import { createDatabase, type Database } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { createLog, uuidv7 } from '@stoa/service';
import { type Kysely, sql, type Transaction } from 'kysely';
import { Registry } from 'prom-client';
import { Type } from 'typebox';
import type { Broker } from '../broker.ts';
import { createMessaging, type Messaging, messagingMigrations } from '../create-messaging.ts';
import { createOutbox } from '../outbox.ts';
import type { MessagingSettings } from '../settings.ts';
import { type Consumer, consumer, type EventContract, type Message } from '../types.ts';
import { drained } from './drained.ts';

const Happening = Type.Object({ key: Type.String(), n: Type.Integer(), text: Type.Optional(Type.String()) }, { additionalProperties: false });

/** The event that the pipeline's sender publishes. */
export const happened = {
  name: 'happened',
  version: 1,
  source: 'sender',
  description: 'Something happened.',
  schema: Happening,
  example: { key: 'a', n: 1 },
  key: ({ key }) => key,
  subscribers: ['receiver'],
} as const satisfies EventContract<typeof Happening>;

export type Happening = { readonly key: string; readonly n: number; readonly text?: string };

export interface Effects {
  readonly effects: { readonly consumer: string; readonly key: string; readonly n: number; readonly correlation_id: string; readonly size: number };
}

/** Short waits, so that a test needs none. */
export const quickSettings: Partial<MessagingSettings> = {
  pollMs: 250,
  backoff: { firstMs: 20, longestMs: 200 },
  publishAttempts: 3,
  handleAttempts: 4,
  handlerTimeoutMs: 2_000,
};

export const silent = createLog({ level: 'silent' });

/** Writes the effect of an event where `Pipeline.effects` reads it. */
export async function writeEffect(tx: Kysely<Effects>, name: string, { key, n, text = '' }: Happening, { correlationId }: Message): Promise<void> {
  await sql`insert into effects (consumer, key, n, correlation_id, size) values (${name}, ${key}, ${n}, ${correlationId}, ${text.length})`.execute(tx);
}

export type Behaviour = (data: Happening, consumer: string, tx: Transaction<Effects>) => Promise<void> | void;

export interface Pipeline extends AsyncDisposable {
  readonly sender: { readonly database: Database<unknown>; readonly url: string };
  readonly receiver: { readonly database: Database<Effects>; readonly url: string };
  /** Another copy of the sending service. */
  startSender(broker: Broker, settings?: Partial<MessagingSettings>): Promise<Messaging<unknown>>;
  /** Another copy of the receiving one: an unordered and an ordered consumer, which write the effect after `behave`. */
  startReceiver(broker: Broker, behave?: Behaviour, settings?: Partial<MessagingSettings>): Promise<Messaging<Effects>>;
  /** Appends in one transaction, whether a sender runs or not. */
  append(...happenings: readonly Happening[]): Promise<void>;
  /** What the handlers of `consumer` did, in the order they did it. */
  effects(consumer?: string): Promise<Effects['effects'][]>;
  drained(): Promise<void>;
}

/** Two services with real databases: what `sender` appends, `receiver` turns into rows of `effects`. */
export async function openPipeline(): Promise<Pipeline> {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  const [sender, receiver] = await Promise.all([testDatabase<unknown>({ sources }), testDatabase<Effects>({ sources })]);
  await sql`create table effects (id bigint generated always as identity, consumer text, key text, n integer, correlation_id text, size integer)`.execute(
    receiver.database.query,
  );
  const closing: (() => Promise<void>)[] = [];

  /** A copy as it would be a process: with connections of its own. */
  async function startCopy<Schema>(
    service: string,
    url: string,
    broker: Broker,
    consumers: readonly Consumer<Schema>[],
    settings: Partial<MessagingSettings> = {},
  ): Promise<Messaging<Schema>> {
    const common = { log: silent, metrics: new Registry() };
    const database = createDatabase<Schema>({ ...common, url, name: service, maxConnections: 4 });
    const messaging = createMessaging({
      ...common,
      ...{ service, database, broker, consumers, jobs: [], crons: [], instanceId: uuidv7() },
      settings: { ...quickSettings, ...settings },
    });
    closing.push(async () => {
      await messaging.stop();
      await database.close();
    });
    await messaging.start();
    return messaging;
  }

  return {
    sender,
    receiver,
    startSender: (broker, settings) => startCopy<unknown>('sender', sender.url, broker, [], settings),
    startReceiver: (broker, behave = () => {}, settings) => {
      const declare = (name: string, ordered: boolean) =>
        consumer<Effects, typeof Happening>({
          name,
          event: happened,
          ordered,
          async handle(tx, data, message) {
            await behave(data, name, tx);
            await writeEffect(tx, name, data, message);
          },
        });
      return startCopy('receiver', receiver.url, broker, [declare('any-order', false), declare('in-order', true)], settings);
    },
    append: (...happenings) =>
      sender.database.transaction(async (tx) => {
        const outbox = createOutbox('sender', tx);
        for (const happening of happenings) await outbox.append(happened, happening);
      }),
    effects: async (name) => {
      const { rows } = await sql<Effects['effects']>`
        select consumer, key, n, correlation_id, size from effects where ${name ?? null}::text is null or consumer = ${name ?? null} order by id`.execute(
        receiver.database.query,
      );
      return rows;
    },
    drained: () => drained(sender.database, receiver.database),
    async [Symbol.asyncDispose]() {
      await Promise.all(closing.map((close) => close()));
      await Promise.all([sender[Symbol.asyncDispose](), receiver[Symbol.asyncDispose]()]);
    },
  };
}
