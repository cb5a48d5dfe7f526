import { type Logger, withTimeout } from '@stoa/service';
import type { Accept, Broker, BrokerSubscription, Outgoing, Rejection } from './broker.ts';
import { createObservers } from './observers.ts';

/** An inbox that does not answer for so long holds up the messages of the others no longer. */
const ANSWER_WITHIN_MS = 5_000;

interface Binding {
  readonly types: ReadonlySet<string>;
  readonly accept: Accept;
  readonly inHand: Set<Promise<void>>;
}

/** The bus of a single process: hands messages to the inboxes of their subscribers, and is done when those have committed. */
export function createLocalBroker({ log }: { readonly log: Logger }): Broker {
  const bindings = new Map<string, Binding[]>();
  const observers = createObservers(log);
  let closed = false;

  /** @returns why the subscriber did not take them, or `undefined`. */
  async function deliver(subscriber: string, messages: readonly Outgoing['message'][]): Promise<string | undefined> {
    const binding = bindings.get(subscriber)?.[0];
    if (binding === undefined) return `${subscriber} is not running`;
    const delivery = binding.accept(messages);
    const settled = delivery.catch(() => {}).finally(() => binding.inHand.delete(settled));
    binding.inHand.add(settled);
    try {
      await withTimeout(delivery, ANSWER_WITHIN_MS);
      return undefined;
    } catch (error) {
      log.debug({ err: error, subscriber }, 'inbox did not accept');
      return `the inbox of ${subscriber} cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  const takes = (subscriber: string, type: string): boolean => bindings.get(subscriber)?.[0]?.types.has(type) ?? false;

  return {
    async publish(outgoing) {
      if (closed) throw new Error('the local broker is closed');
      for (const { message, isRepeat } of outgoing) if (!isRepeat) observers.tell(message);
      const rejections: Rejection[] = [];
      const reject = (id: string, subscriber: string, detail: string) => rejections.push({ id, subscriber, reason: 'unroutable', detail });
      const deliveries: { subscriber: string; message: Outgoing['message'] }[] = [];
      for (const { message, subscribers } of outgoing) {
        for (const subscriber of subscribers) {
          if (takes(subscriber, message.type)) deliveries.push({ subscriber, message });
          else reject(message.id, subscriber, `${subscriber} does not listen to ${message.type}`);
        }
      }
      await Promise.all(
        [...Map.groupBy(deliveries, ({ subscriber }) => subscriber)].map(async ([subscriber, items]) => {
          const messages = items.map(({ message }) => message);
          const problem = await deliver(subscriber, messages);
          if (problem !== undefined) for (const { id } of messages) reject(id, subscriber, problem);
        }),
      );
      return rejections;
    },

    async subscribe(subscriber, types, accept): Promise<BrokerSubscription> {
      const binding: Binding = { types: new Set(types), accept, inHand: new Set() };
      bindings.set(subscriber, [...(bindings.get(subscriber) ?? []), binding]);
      return {
        async stop() {
          bindings.set(
            subscriber,
            (bindings.get(subscriber) ?? []).filter((other) => other !== binding),
          );
          await Promise.all(binding.inHand);
        },
      };
    },

    async observe(types, observer) {
      const forget = observers.add(types, observer);
      return { stop: async () => forget() };
    },

    health: async () => (closed ? { ok: false, detail: 'closed' } : { ok: true }),

    async close() {
      closed = true;
      await Promise.all([...bindings.values()].flat().flatMap(({ inHand }) => [...inHand]));
    },
  };
}
