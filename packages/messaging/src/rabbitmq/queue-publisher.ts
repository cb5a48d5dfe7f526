import type { AMQPChannelError } from 'rabbitmq-client';
import { type ConfirmChannel, type Outcome, openConfirmChannel, type Publishing } from './confirm-channel.ts';
import type { RabbitConnection } from './connection.ts';
import type { Topology } from './topology.ts';

/** After this a channel whose queue stays silent is given up for another one. */
const LONGEST_SILENCE_MS = 30_000;

/** How it went with a message: as on its channel, or `faulty`, as the server closes a channel for it. */
export interface Published {
  readonly outcome: Outcome | 'faulty';
  /** What the server said, where it closed the channel. */
  readonly detail?: string;
}

export interface QueuePublisher {
  /** Publishes all at once and waits for their confirms until `over`. @throws when the server is away. */
  publish(publishings: readonly Publishing[], over: Promise<void>): Promise<Published[]>;
  close(): void;
}

/**
 * Publishes what is for one queue, on a channel that lasts. A queue that does not answer holds up its channel and no other, and is sent
 * nothing more until it has answered.
 */
export function createQueuePublisher(connection: RabbitConnection, topology: Topology): QueuePublisher {
  const open = () => openConfirmChannel(connection, topology);
  let opening: Promise<ConfirmChannel> | undefined;

  async function current(): Promise<ConfirmChannel> {
    const known = opening;
    const channel = await known?.catch(() => undefined);
    if (channel !== undefined && !channel.isClosed()) return channel;
    // Unless another call has opened one meanwhile.
    if (opening === undefined || opening === known) opening = open();
    return opening;
  }

  /** One by one, after a message has closed the channel for all, and that one is not known. */
  async function publishOneByOne(publishings: readonly Publishing[], over: Promise<void>): Promise<Published[]> {
    const done: Published[] = [];
    let channel: ConfirmChannel | undefined;
    for (const publishing of publishings) {
      channel ??= await open();
      const [outcome = 'closed'] = await channel.publish([publishing], over);
      const reason = channel.reason();
      const isFaulty = outcome === 'closed' && reason !== undefined && isAboutMessage(reason);
      done.push(outcome === 'closed' ? { outcome: isFaulty ? 'faulty' : outcome, detail: wordsOf(reason) } : { outcome });
      if (isFaulty) channel = undefined;
      else if (outcome === 'closed' || outcome === 'unconfirmed') break;
    }
    channel?.close();
    const last = done.at(-1) as Published;
    return publishings.map((_, index) => done[index] ?? last);
  }

  return {
    async publish(publishings, over) {
      if (publishings.length === 0) return [];
      const channel = await Promise.race([current(), over]);
      if (channel === undefined || channel.silentMs() > 0) {
        if (channel !== undefined && channel.silentMs() > LONGEST_SILENCE_MS) channel.close();
        return publishings.map(() => ({ outcome: 'unconfirmed' }));
      }
      const outcomes = await channel.publish(publishings, over);
      const closed = publishings.filter((_, index) => outcomes[index] === 'closed');
      const again = (closed.length === 0 ? [] : await publishOneByOne(closed, over)).values();
      return outcomes.map((outcome) => (outcome === 'closed' ? (again.next().value as Published) : { outcome }));
    },

    close: () => void opening?.then((channel) => channel.close()).catch(() => {}),
  };
}

const wordsOf = (reason: AMQPChannelError | undefined): string =>
  ['RabbitMQ closed the channel', reason?.message].filter((text) => text !== undefined).join(': ');

/**
 * A message may be larger than the server's limit, or its key one that we may not publish under. Without any right to publish to
 * the exchange all messages are refused, and none is at fault.
 */
const isAboutMessage = ({ code, message }: AMQPChannelError): boolean =>
  message.startsWith('BasicPublish: ') &&
  (code === 'PRECONDITION_FAILED' || code === 'CONTENT_TOO_LARGE' || (code === 'ACCESS_REFUSED' && message.includes("access to topic '")));
