import type { Accept, Broker } from '../broker.ts';

/** A bus that carries nothing: a test hands messages to the last subscriber. */
export function createHandBus(): { readonly broker: Broker; accept(...received: readonly unknown[]): Promise<void> } {
  let accept: Accept = async () => {};
  return {
    broker: {
      publish: async () => [],
      subscribe: async (_subscriber, _types, given) => {
        accept = given;
        return { stop: async () => {} };
      },
      observe: async () => ({ stop: async () => {} }),
      health: async () => ({ ok: true }),
      close: async () => {},
    },
    accept: (...received) => accept(received),
  };
}
