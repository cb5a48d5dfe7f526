import type { Broker, Message } from '@stoa/messaging';

/** Stands in for all services but `own`: each takes what is published to it, and remembers it once, as an inbox would. */
export function createOtherServices(bus: Broker, own: string) {
  const heard = new Map<string, Map<string, Message>>();
  const subscribed = new Set<string>();

  async function subscribe(subscriber: string, type: string): Promise<void> {
    if (subscriber === own || subscribed.has(`${subscriber} ${type}`)) return;
    subscribed.add(`${subscriber} ${type}`);
    await bus.subscribe(subscriber, [type], async (messages) => {
      for (const message of messages as Message[]) keptBy(subscriber).set(message.id, message);
    });
  }

  function keptBy(subscriber: string): Map<string, Message> {
    const kept = heard.get(subscriber) ?? new Map<string, Message>();
    heard.set(subscriber, kept);
    return kept;
  }

  const broker: Broker = {
    ...bus,
    async publish(outgoing) {
      for (const { message, subscribers } of outgoing) for (const subscriber of subscribers) await subscribe(subscriber, message.type);
      return await bus.publish(outgoing);
    },
  };
  return { broker, receivedBy: (subscriber: string): readonly Message[] => [...keptBy(subscriber).values()] };
}
