import type { Logger } from '@stoa/service';
import type { Accept, Broker, BrokerSubscription, Outgoing, Rejection } from './broker.ts';
import { createObservers } from './observers.ts';

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
    const settled = delivery.then(
      () => {},
      () => {},
    );
    binding.inHand.add(settled);
    try {
      await delivery;
      return undefined;
    } catch (error) {
      log.debug({ err: error, subscriber }, 'inbox did not accept');
      return `the inbox of ${subscriber} cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      binding.inHand.delete(settled);
    }
  }

  const takes = (subscriber: string, type: string): boolean => bindings.get(subscriber)?.[0]?.types.has(type) ?? false;

  return {
    async publish(outgoing) {
      if (closed) throw new Error('the local broker is closed');
      const rejections = new Map<string, Rejection>();
      const reject = (id: string, detail: string) => rejections.set(id, { id, reason: 'unroutable', detail });
      const deliveries: { subscriber: string; message: Outgoing['message'] }[] = [];
      for (const { message, subscribers } of outgoing) {
        // A house may go on for ever without one of its services: the others have the message all the same, and pass over it when it comes again.
        for (const subscriber of subscribers) {
          if (takes(subscriber, message.type)) deliveries.push({ subscriber, message });
          else reject(message.id, `${subscriber} does not listen to ${message.type}`);
        }
      }
      await Promise.all(
        [...Map.groupBy(deliveries, ({ subscriber }) => subscriber)].map(async ([subscriber, items]) => {
          const messages = items.map(({ message }) => message);
          const problem = await deliver(subscriber, messages);
          if (problem !== undefined) for (const { id } of messages) reject(id, problem);
        }),
      );
      for (const { message } of outgoing) if (!rejections.has(message.id)) observers.tell(message);
      return [...rejections.values()];
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
