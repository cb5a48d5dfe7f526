import { createDatabase } from '@stoa/postgres';
import { createLog, uuidv7 } from '@stoa/service';
import { type Kysely, sql, type Transaction } from 'kysely';
import { Registry } from 'prom-client';
import { type Static, Type } from 'typebox';
import type { Broker } from '../broker.ts';
import { createMessaging, type Messaging } from '../create-messaging.ts';
import type { MessagingSettings } from '../settings.ts';
import { type Consumer, consumer, type EventContract, type Message } from '../types.ts';

const Happening = Type.Object(
  { key: Type.String(), n: Type.Integer(), text: Type.Optional(Type.String()) },
  { additionalProperties: false },
);
export type Happening = Static<typeof Happening>;

/** What the service `sender` publishes. */
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

/** What the service `receiver` makes of it. */
export interface Effect {
  readonly consumer: string;
  readonly key: string;
  readonly n: number;
  readonly correlationId: string;
}

export interface ReceiverTables {
  readonly effects: Effect;
}

/** Short waits, so that a test needs none. */
const quickSettings: Partial<MessagingSettings> = {
  pollMs: 250,
  backoff: { firstMs: 20, longestMs: 200 },
  publishAttempts: 3,
  handleAttempts: 4,
  handlerTimeoutMs: 2_000,
};

export const silent = createLog({ level: 'silent' });

/** One copy of a service, with connections of its own, as a process has them. */
export interface Copy extends Messaging {
  readonly metrics: Registry;
}

/** Whether the copy relays and handles; it does unless told otherwise. */
type Role = { readonly runsBackgroundWork?: boolean };

async function startCopy<Schema>(
  service: string,
  url: string,
  broker: Broker,
  consumers: readonly Consumer<Schema>[],
  settings: Partial<MessagingSettings> = {},
  role: Role = {},
): Promise<Copy> {
  const common = { log: silent, metrics: new Registry() };
  const database = createDatabase<Schema>({ ...common, url, name: service, maxConnections: 4 });
  const messaging = createMessaging({
    ...common,
    ...{ service, database, broker, consumers, jobs: [], crons: [], instanceId: uuidv7(), ...role },
    settings: { ...quickSettings, ...settings },
  });
  await messaging.start();
  return {
    ...messaging,
    metrics: common.metrics,
    async stop() {
      await messaging.stop();
      await database.close();
    },
  };
}

export const startSender = (url: string, broker: Broker, settings?: Partial<MessagingSettings>, role?: Role): Promise<Copy> =>
  startCopy('sender', url, broker, [], settings, role);

/** What a handler does before it writes its effect, or after it when it returns a function. */
export type Behaviour = (data: Happening, consumer: string, tx: Transaction<ReceiverTables>) => unknown;

/** With an unordered and an ordered consumer, `any-order` and `in-order`. */
export function startReceiver(
  url: string,
  broker: Broker,
  behave: Behaviour = () => {},
  settings?: Partial<MessagingSettings>,
  role?: Role,
): Promise<Copy> {
  const declare = (name: string, ordered: boolean) =>
    consumer<ReceiverTables, typeof Happening>({
      name,
      event: happened,
      ordered,
      async handle(tx, data, message) {
        const after = await behave(data, name, tx);
        await writeEffect(tx, name, data, message);
        if (typeof after === 'function') await after();
      },
    });
  return startCopy('receiver', url, broker, [declare('any-order', false), declare('in-order', true)], settings, role);
}

export async function createEffects(db: Kysely<ReceiverTables>): Promise<void> {
  await sql`create table effects (id bigint generated always as identity, consumer text, key text, n integer, correlation_id text)`.execute(
    db,
  );
}

async function writeEffect(tx: Kysely<ReceiverTables>, name: string, { key, n }: Happening, { correlationId }: Message): Promise<void> {
  await sql`insert into effects (consumer, key, n, correlation_id) values (${name}, ${key}, ${n}, ${correlationId})`.execute(tx);
}

/** In the order they were made. */
export async function readEffects(db: Kysely<ReceiverTables>, name?: string): Promise<Effect[]> {
  const { rows } = await sql<Effect>`
    select consumer, key, n, correlation_id as "correlationId" from effects
    where ${name ?? null}::text is null or consumer = ${name ?? null} order by id`.execute(db);
  return rows;
}
