import { setTimeout as delay } from 'node:timers/promises';
import type { Accept, Broker, Rejection } from '../broker.ts';
import { createObservers } from '../observers.ts';
import { silent } from './copies.ts';

export interface TestBusOptions {
  /** The same seed gives the same duplicates and the same order. */
  readonly seed?: number;
  /** How many of the deliveries come again although they were accepted, from 0 to 1. */
  readonly repeats?: number;
  /** Says why the bus refuses a message, or `undefined`. */
  readonly refuse?: (message: unknown) => string | undefined;
}

export interface TestBus {
  /** One client of the bus, as each process has one. */
  connect(): Broker;
  /** The bus is away until the returned function is called; it keeps what it took. */
  outage(): Promise<() => Promise<void>>;
}

interface Item {
  readonly key: string;
  readonly json: string;
}

/** A queue outlives its consumers, as a durable one does. */
interface Queue {
  readonly types: Set<string>;
  readonly consumers: Consumer[];
  items: Item[];
  delivering: boolean;
}

interface Consumer {
  readonly accept: Accept;
  inHand: Promise<void>;
}

const REDELIVERY_MS = 5;

/**
 * A bus in memory that behaves as badly as a bus may: messages go through JSON, arrive in batches of any size, in any order
 * across keys, some of them again later, and come back when they are not accepted. Per key the order is kept.
 */
export function createTestBus({ seed = 1, repeats = 0.2, refuse = () => undefined }: TestBusOptions = {}): TestBus {
  const random = createRandom(seed);
  const queues = new Map<string, Queue>();
  const observers = createObservers(silent);
  let away = false;

  /** The next of some keys: which keys, and how many, is chance. */
  function takeBatch(queue: Queue): Item[] {
    const chosen = new Map<string, boolean>();
    const most = 1 + Math.floor(random() * 20);
    const batch: Item[] = [];
    const rest: Item[] = [];
    for (const item of queue.items) {
      if (!chosen.has(item.key)) chosen.set(item.key, random() < 0.5);
      if (chosen.get(item.key) && batch.length < most) batch.push(item);
      else {
        chosen.set(item.key, false);
        rest.push(item);
      }
    }
    queue.items = rest;
    return batch;
  }

  async function deliver(queue: Queue): Promise<void> {
    if (queue.delivering) return;
    queue.delivering = true;
    for (let turn = 0; !away && queue.items.length > 0 && queue.consumers.length > 0; turn++) {
      const batch = takeBatch(queue);
      if (batch.length === 0) continue;
      const consumer = queue.consumers[turn % queue.consumers.length] as Consumer;
      const accepted = consumer.accept(batch.map(({ json }) => JSON.parse(json))).then(
        () => true,
        () => false,
      );
      consumer.inHand = accepted.then(() => {});
      if (await accepted) queue.items.push(...batch.filter(() => random() < repeats));
      else {
        queue.items.unshift(...batch);
        await delay(REDELIVERY_MS);
      }
    }
    queue.delivering = false;
  }

  const deliverAll = (): void => {
    for (const queue of queues.values()) void deliver(queue);
  };

  const connect = (): Broker => {
    const own: { queue: Queue; consumer: Consumer }[] = [];
    const forgets: (() => void)[] = [];
    let closed = false;

    const leave = async (queue: Queue, consumer: Consumer): Promise<void> => {
      const position = queue.consumers.indexOf(consumer);
      if (position >= 0) queue.consumers.splice(position, 1);
      await consumer.inHand;
    };

    return {
      async publish(outgoing) {
        await Promise.resolve();
        if (away || closed) throw new Error('the test bus is away');
        const rejections: Rejection[] = [];
        for (const { message, subscribers, isRepeat } of outgoing) {
          const { id, type, key } = message;
          const json = JSON.stringify(message);
          const refusal = refuse(message);
          if (!isRepeat && refusal === undefined) observers.tell(JSON.parse(json));
          for (const subscriber of subscribers) {
            const queue = queues.get(subscriber);
            if (refusal !== undefined) rejections.push({ id, subscriber, reason: 'refused', detail: refusal });
            else if (!queue?.types.has(type))
              rejections.push({ id, subscriber, reason: 'unroutable', detail: `${subscriber} has no queue for ${type}` });
            else queue.items.push({ key, json });
          }
        }
        deliverAll();
        return rejections;
      },

      async subscribe(subscriber, types, accept) {
        const queue = queues.get(subscriber) ?? { types: new Set(), consumers: [], items: [], delivering: false };
        queues.set(subscriber, queue);
        for (const type of types) queue.types.add(type);
        const consumer: Consumer = { accept, inHand: Promise.resolve() };
        queue.consumers.push(consumer);
        own.push({ queue, consumer });
        deliverAll();
        return { stop: () => leave(queue, consumer) };
      },

      async observe(types, observer) {
        const forget = observers.add(types, observer);
        forgets.push(forget);
        return { stop: async () => forget() };
      },

      health: async () => (away || closed ? { ok: false, detail: 'away' } : { ok: true }),

      async close() {
        closed = true;
        for (const forget of forgets) forget();
        await Promise.all(own.map(({ queue, consumer }) => leave(queue, consumer)));
      },
    };
  };

  return {
    connect,
    async outage() {
      away = true;
      return async () => {
        away = false;
        observers.notifyMissed();
        deliverAll();
      };
    },
  };
}

/** The only client of a test bus of its own, for a service's tests. */
export function createTestBroker(options: TestBusOptions = {}): Broker {
  return createTestBus(options).connect();
}

/** Random numbers in [0, 1) that are the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
