import type { Database } from '@stoa/postgres';
import { testDatabase } from '@stoa/postgres/testing';
import { eventually } from '@stoa/service/testing';
import type { Broker } from '../broker.ts';
import { messagingMigrations } from '../create-messaging.ts';
import { createOutbox } from '../outbox.ts';
import type { MessagingSettings } from '../settings.ts';
import {
  type Behaviour,
  type Copy,
  createEffects,
  type Effect,
  type Happening,
  happened,
  type ReceiverTables,
  readEffects,
  startReceiver,
  startSender,
} from './copies.ts';
import { drained } from './drained.ts';

interface Side<Schema> {
  readonly database: Database<Schema>;
  readonly url: string;
}

export interface Pipeline extends AsyncDisposable {
  readonly sender: Side<unknown>;
  readonly receiver: Side<ReceiverTables>;
  /** One more copy of the sending service. */
  startSender(broker: Broker, settings?: Partial<MessagingSettings>): Promise<Copy>;
  /** One more copy of the receiving service. */
  startReceiver(broker: Broker, behave?: Behaviour, settings?: Partial<MessagingSettings>): Promise<Copy>;
  /** Appends in one transaction, whether a sender runs or not. */
  append(...happenings: readonly Happening[]): Promise<void>;
  /** What handlers did, in the order they did it. */
  effects(consumer?: string): Promise<Effect[]>;
  drained(): Promise<void>;
  /** Waits until both consumers had each of `items`, and nothing is left. @throws when one had something twice. */
  expectOnce(items: readonly Happening[], options?: { readonly timeoutMs: number }): Promise<void>;
}

/**
 * Two services with real databases: what `sender` appends, `receiver` turns into rows of `effects`.
 * @param leftoversExpected why the test does not end with empty boxes.
 */
export async function openPipeline(leftoversExpected?: string): Promise<Pipeline> {
  const options = {
    sources: [{ name: 'messaging', directory: messagingMigrations }],
    ...(leftoversExpected === undefined ? {} : { leftoversExpected }),
  };
  const [sender, receiver] = await Promise.all([testDatabase<unknown>(options), testDatabase<ReceiverTables>(options)]);
  await createEffects(receiver.database.query);
  const copies: { stop(): Promise<void> }[] = [];
  const remember = <C extends { stop(): Promise<void> }>(copy: C): C => {
    copies.push(copy);
    return copy;
  };
  const effects = (consumer?: string) => readEffects(receiver.database.query, consumer);

  return {
    sender,
    receiver,
    startSender: async (broker, settings) => remember(await startSender(sender.url, broker, settings)),
    startReceiver: async (broker, behave, settings) => remember(await startReceiver(receiver.url, broker, behave, settings)),
    append: (...happenings) =>
      sender.database.transaction(async (tx) => {
        const outbox = createOutbox('sender', sender.database, tx);
        for (const happening of happenings) await outbox.append(happened, happening);
      }),
    effects,
    drained: () => drained(sender.database, receiver.database),
    async expectOnce(items, options) {
      const expected = ['any-order', 'in-order'].flatMap((consumer) => items.map(({ n }) => `${consumer} ${n}`));
      await eventually(async () => {
        const found = new Set((await effects()).map(({ consumer, n }) => `${consumer} ${n}`));
        const missing = expected.filter((effect) => !found.has(effect));
        if (missing.length > 0)
          throw new Error(`missing: ${missing.slice(0, 5).join(', ')} and so on, ${missing.length} of ${expected.length}`);
      }, options);
      await drained(sender.database, receiver.database);
      const found = await effects();
      if (found.length !== expected.length) throw new Error(`${found.length} effects instead of ${expected.length}: some came twice`);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(copies.map((copy) => copy.stop()));
      await Promise.all([sender[Symbol.asyncDispose](), receiver[Symbol.asyncDispose]()]);
    },
  };
}
