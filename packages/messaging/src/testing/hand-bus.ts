import type { Accept, Broker } from '../broker.ts';

/** A bus that carries nothing: a test puts messages into the hands of who subscribed last. */
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
