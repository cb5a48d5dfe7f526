import { type Logger, startLoop } from '@stoa/service';
import type { Channel } from 'rabbitmq-client';
import { backoffMs } from '../backoff.ts';
import { type RabbitConnection, withinCloseLimit } from './connection.ts';

const BACKOFF = { firstMs: 100, longestMs: 2_000 };

export interface ChannelUse {
  /** How long to wait before the channel is opened anew after it was lost. */
  readonly pauseMs: () => number;
  /** Ends what is in progress, before the channel is closed; it may be lost already. */
  finish(): Promise<void>;
  /** Makes anew what was deleted meanwhile; when it fails, the channel is opened anew. */
  repair(): Promise<void>;
  /** What is wrong although the channel is there. */
  trouble?(): string | undefined;
}

interface SelfHealingChannelOptions {
  readonly connection: RabbitConnection;
  readonly log: Logger;
  readonly what: string;
  readonly repairMs: number;
  /** Sets the channel up. `lose` gives it up, as if the server had closed it. */
  use(channel: Channel, lose: () => void): Promise<ChannelUse>;
}

export interface SelfHealingChannel {
  /** Resolves after the first try, whether it worked or not. */
  readonly tried: Promise<void>;
  trouble(): string | undefined;
  stop(): Promise<void>;
}

/** Opens a channel and, whenever it is lost, another one, until it is stopped. */
export function openSelfHealingChannel({ connection, log, what, repairMs, use }: SelfHealingChannelOptions): SelfHealingChannel {
  const { promise: tried, resolve } = Promise.withResolvers<void>();
  let trouble: () => string | undefined = () => 'not set up yet';

  async function live(stopping: AbortSignal): Promise<number> {
    const { promise: lost, resolve: lose } = Promise.withResolvers<void>();
    const onAbort = (): void => lose();
    stopping.addEventListener('abort', onAbort);
    try {
      return await useOne(await connection.channel(), lost, lose);
    } finally {
      stopping.removeEventListener('abort', onAbort);
    }
  }

  async function useOne(channel: Channel, lost: Promise<void>, lose: () => void): Promise<number> {
    channel.once('close', lose);
    channel.once('basic.cancel', lose);
    channel.on('error', (error: Error) => log.warn({ err: error, what }, 'RabbitMQ closed a channel, will open another'));
    try {
      const { pauseMs, finish, repair, trouble: inUse = () => undefined } = await use(channel, lose);
      trouble = inUse;
      resolve();
      const endRepairs = repeat(repairMs, repair, (error) => {
        log.warn({ err: error, what }, 'cannot be repaired, will be set up anew');
        lose();
      });
      await lost;
      endRepairs();
      const why = inUse() ?? 'lost its channel';
      trouble = () => why;
      await finish();
      return pauseMs();
    } finally {
      await withinCloseLimit(channel.close());
    }
  }

  const loop = startLoop({
    step: live,
    onFailure(error, failures) {
      const why = error instanceof Error ? error.message : String(error);
      trouble = () => why;
      if (failures === 1 && connection.trouble() === undefined) log.warn({ err: error, what }, 'channel cannot be set up, will try again');
      resolve();
      return backoffMs(BACKOFF, failures);
    },
  });
  return { tried, trouble: () => trouble(), stop: loop.stop };
}

/** Calls `work` so often, each time after the last call has ended, until it fails. @returns a function that ends that. */
function repeat(everyMs: number, work: () => Promise<void>, onFailure: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const wait = (): void => {
    if (!ended) timer = setTimeout(() => void work().then(wait, (error) => ended || onFailure(error)), everyMs);
  };
  wait();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
