import type { Logger } from '@stoa/service';
import type { Accept, Observer } from '../broker.ts';
import { readEnvelope } from '../envelope.ts';
import { createBatches, PREFETCH, read } from './batches.ts';
import type { RabbitConnection } from './connection.ts';
import { isBound } from './probe.ts';
import { createEntry } from './registry.ts';
import { openSelfHealingChannel, type SelfHealingChannel } from './self-healing-channel.ts';
import { bindQueue, declareExchange, declareQueue, type Topology } from './topology.ts';

/** After an inbox was given up, another process has this long to take over. */
const HAND_OVER_MS = 5_000;

interface Common {
  readonly consuming: RabbitConnection;
  readonly publishing: RabbitConnection;
  readonly topology: Topology;
  readonly log: Logger;
  readonly types: readonly string[];
  /** How often the declarations on the server are repeated, in case they were deleted. */
  readonly repairMs: number;
}

interface SubscriptionOptions extends Common {
  readonly subscriber: string;
  readonly accept: Accept;
  readonly giveUpMs: number;
}

/** Carries what comes for `subscriber` into its inbox. */
export function keepSubscription(options: SubscriptionOptions): SelfHealingChannel {
  const { consuming, topology, log, subscriber, types, accept, giveUpMs, repairMs } = options;
  const entry = createEntry(options);
  const queue = topology.queueOf(subscriber);
  const keys = types.map((type) => topology.keyOf(subscriber, type));
  return openSelfHealingChannel({
    ...{ connection: consuming, log, repairMs },
    what: `the queue of ${subscriber}`,
    async use(channel, lose) {
      let pauseMs = 0;
      const giveUp = () => {
        log.error({ subscriber }, 'the inbox cannot be reached: its messages go back to the queue');
        pauseMs = HAND_OVER_MS;
        lose();
      };
      // The channel may be gone by now: its messages then come again, and the inbox has them.
      const acknowledge = (deliveryTag: number) => channel.active && channel.basicAck({ deliveryTag, multiple: true });
      const batches = createBatches({ accept, acknowledge, giveUp, giveUpMs, log });
      await declareExchange(channel, topology);
      await entry.ensure();
      await declareQueue(channel, queue);
      await bindQueue(channel, topology, queue, keys);
      await channel.basicQos({ prefetchCount: PREFETCH });
      const isNext = createGapFinder();
      await channel.basicConsume({ queue }, (delivery) => {
        if (isNext(delivery.deliveryTag)) batches.add(delivery);
        else lose();
      });
      return {
        ...{ pauseMs: () => pauseMs, finish: batches.finish, trouble: batches.trouble },
        async repair() {
          await declareExchange(channel, topology);
          await bindQueue(channel, topology, queue, keys);
          await entry.ensure();
        },
      };
    },
  });
}

/** Passes to `observer` what is published. Its queue lives as long as the connection. */
export function keepObservation(options: Common & { readonly observer: Observer }): SelfHealingChannel {
  const { consuming, publishing, topology, log, types, observer, repairMs } = options;
  let isFirst = true;
  const call = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      log.error({ err: error }, 'observer threw');
    }
  };
  const kept = openSelfHealingChannel({
    ...{ connection: consuming, log, repairMs },
    what: 'the queue of an observer',
    async use(channel, lose) {
      await declareExchange(channel, topology);
      const { queue } = await channel.queueDeclare({ exclusive: true, autoDelete: true });
      // Bound last, and by nobody else: where this one is, all are.
      const ownKey = topology.observersKeyOf(queue);
      const keys = [...types.map(topology.observersKeyOf), ownKey];
      await bindQueue(channel, topology, queue, keys);
      const isNext = createGapFinder();
      await channel.basicConsume({ queue, noAck: true, exclusive: true }, (delivery) => {
        if (!isNext(delivery.deliveryTag)) return lose();
        for (const { message, fault } of [read(delivery)].flat().map(readEnvelope)) {
          if (fault === undefined) call(() => observer.onMessage(message));
        }
      });
      if (!isFirst) call(() => observer.onMissed());
      return {
        ...{ pauseMs: () => 0, finish: async () => {} },
        async repair() {
          const bound = await isBound(publishing, topology, ownKey).catch(() => undefined);
          if (bound === false) throw new Error('the exchange or its bindings were deleted');
          await bindQueue(channel, topology, queue, keys);
          // If it cannot be determined, messages may have been missed.
          if (bound === undefined) call(() => observer.onMissed());
        },
      };
    },
  });
  // What is published from here on is received, or reported as missed.
  void kept.tried.then(() => {
    isFirst = false;
  });
  return kept;
}

/**
 * The client drops a delivery that it reads before it knows the consumer's tag. Deliveries of a channel are numbered from 1: gaps show it.
 */
function createGapFinder(): (deliveryTag: number) => boolean {
  let last = 0;
  return (deliveryTag) => {
    last += 1;
    return deliveryTag === last;
  };
}
