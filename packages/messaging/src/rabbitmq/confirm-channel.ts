import { setImmediate as nextTurn } from 'node:timers/promises';
import { AMQPChannelError, type ReturnedMessage } from 'rabbitmq-client';
import { discard, type RabbitConnection } from './connection.ts';
import { declareExchange, JSON_TEXT, type Topology } from './topology.ts';

/**
 * How many messages the server takes from a connection for a channel that does nothing, before it stops reading from the connection, and
 * all its channels wait (`credit_flow_default_credit`, {400, 200}: between the two, half of the first can be used up already).
 */
const MOST_UNCONFIRMED = 200;

export interface Publishing {
  readonly routingKey: string;
  readonly body: Buffer;
  /** Set for what has to reach a queue and to survive a restart of the server. */
  readonly messageId?: string;
}

/**
 * `taken`: confirmed, by its queue if it has to reach one. `returned`: no queue has its key. `refused`: its queue does not take it.
 * `unconfirmed`: no confirm yet. `closed`: there will be none, as the server closed the channel.
 */
export type Outcome = 'taken' | 'returned' | 'refused' | 'unconfirmed' | 'closed';

export interface ConfirmChannel {
  /** Publishes all at once and waits for their confirms until `over`. @returns the outcome of each. */
  publish(publishings: readonly Publishing[], over: Promise<void>): Promise<Outcome[]>;
  /** For how long the server has not confirmed what a caller gave up waiting for, in ms. */
  silentMs(): number;
  isClosed(): boolean;
  /** Why the server closed it, as far as it gave a reason. */
  reason(): AMQPChannelError | undefined;
  /** It is closed when the server has said so. */
  close(): void;
}

interface Sending {
  readonly publishing: Publishing;
  readonly settled: Promise<void>;
  readonly settle: () => void;
  outcome: Outcome;
}

/** Opens a channel with confirms on the exchange. @throws when the server is away. */
export async function openConfirmChannel(connection: RabbitConnection, topology: Topology): Promise<ConfirmChannel> {
  const channel = await connection.channel();
  const queued = new Set<Sending>();
  /** Sent, and given up by the sender. */
  const overdue = new Set<Sending>();
  const returned = new Set<string>();
  let silentSince = 0;
  let unconfirmed = 0;
  /** To a queue that is new to it a channel of RabbitMQ does nothing else until that answers: so the first message goes alone. */
  let isProven = false;
  let isWriting = false;
  let isClosed = false;
  let reason: AMQPChannelError | undefined;

  const noteReason = (error: unknown): void => {
    // CH_CLOSE is the client's own error for whatever was under way.
    if (error instanceof AMQPChannelError && error.code !== 'CH_CLOSE') reason ??= error;
  };
  channel.on('error', noteReason);
  channel.once('close', () => {
    isClosed = true;
  });
  channel.on('basic.return', ({ messageId = '', routingKey }: ReturnedMessage) => void returned.add(placeOf({ messageId, routingKey })));
  await declareExchange(channel, topology);
  await channel.confirmSelect();

  async function send(sending: Sending): Promise<void> {
    const { routingKey, body, messageId } = sending.publishing;
    const toQueue = messageId === undefined ? {} : { messageId, mandatory: true, durable: true };
    try {
      await channel.basicPublish({ exchange: topology.exchange, routingKey, ...toQueue, ...JSON_TEXT }, body);
      sending.outcome = 'taken';
      isProven = true;
    } catch (error) {
      noteReason(error);
      sending.outcome = isNack(error) ? 'refused' : 'closed';
    }
    unconfirmed -= 1;
    sending.settle();
    writeSoon();
    if (!overdue.delete(sending)) return;
    await nextTurn();
    returned.delete(placeOf(sending.publishing));
  }

  function write(): void {
    isWriting = false;
    connection.together((bytes) => {
      for (const sending of queued) {
        if (unconfirmed >= (isProven ? MOST_UNCONFIRMED : 1)) return;
        queued.delete(sending);
        bytes(sending.publishing.body.length);
        unconfirmed += 1;
        void send(sending);
      }
    });
  }

  /** Once for all that one answer of the server confirms. */
  function writeSoon(): void {
    if (isWriting || queued.size === 0) return;
    isWriting = true;
    setImmediate(write);
  }

  /** Nobody waits for it any more. */
  function giveUp(sending: Sending): void {
    if (queued.delete(sending)) return;
    if (overdue.size === 0) silentSince = performance.now();
    overdue.add(sending);
  }

  return {
    async publish(publishings, over) {
      const sendings = publishings.map((publishing): Sending => {
        const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
        return { publishing, settled, settle, outcome: 'unconfirmed' };
      });
      for (const sending of sendings) queued.add(sending);
      write();
      await Promise.race([Promise.all(sendings.map(({ settled }) => settled)), over]);
      // The client reports a return a turn after it was read; its confirm, which came later, has resolved by then.
      await nextTurn();
      return sendings.map((sending) => {
        if (sending.outcome === 'unconfirmed') giveUp(sending);
        return returned.delete(placeOf(sending.publishing)) && sending.outcome === 'taken' ? 'returned' : sending.outcome;
      });
    },
    silentMs: () => (overdue.size === 0 ? 0 : performance.now() - silentSince),
    isClosed: () => isClosed,
    reason: () => reason,
    close: () => discard(channel),
  };
}

const placeOf = ({ messageId = '', routingKey }: Pick<Publishing, 'messageId' | 'routingKey'>): string => `${messageId} ${routingKey}`;

const isNack = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'NACK';
