import type { HealthPart, Logger } from '@stoa/service';
import type { Redis } from 'ioredis';
import { BoundedRedis } from './bounded-redis.ts';

const CONNECT_WITHIN_MS = 2_000;
/** The longest pause between two tries to connect. */
const LONGEST_PAUSE_MS = 1_000;
/** How often a write is tried, so that it is known whether Redis takes writes even while it is idle. */
const TRY_EVERY_MS = 1_000;

export interface ConnectRedisOptions {
  /** `redis://user:password@host:6379/0`, or `rediss://…` for TLS with a verified certificate. Special characters percent-encoded. */
  readonly url: string;
  readonly log: Logger;
}

/** A connection that comes back by itself, and that nobody waits for: without Redis each command fails at once. */
export interface RedisConnection {
  readonly client: Redis;
  /** Resolves when it is known for the first time whether Redis is there. */
  ready(): Promise<boolean>;
  /** Whether it takes writes. In the background: what Redis is for either does without it or says so itself. */
  health(): HealthPart;
  /** Lets commands that are under way end. */
  close(): Promise<void>;
}

/**
 * Connects, and goes on trying for as long as it takes. Without a connection a command is rejected at once, with one after half a
 * second: such a connection is given up, so that those behind it need not wait as well; so is one to a primary that has become a replica.
 * No command is ever sent twice. Redis is there when it has taken a write.
 */
export function connectRedis({ url, log }: ConnectRedisOptions): RedisConnection {
  /** Since Redis was there. Not ioredis' count, which begins anew with each connection to a replica. */
  let tries = 0;
  const client = new BoundedRedis(url, {
    connectTimeout: CONNECT_WITHIN_MS,
    // A connection that is given up is not waited for: a server that hangs does not close it properly either.
    disconnectTimeout: 0,
    enableOfflineQueue: false,
    // What was under way when the connection broke may have been done: it is rejected, not repeated.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => Math.min(50 * ++tries, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2),
  });
  const { host, port, password } = client.options;
  const server = `${host}:${port}`;
  const known = Promise.withResolvers<boolean>();
  let state: 'unknown' | 'there' | 'away' | 'closed' = 'unknown';
  let reason = 'the connection was closed';

  const says = ({ message }: Error) => {
    reason = password ? message.replaceAll(password, '[redacted]') : message;
  };
  const isThere = () => {
    tries = 0;
    if (state === 'away') log.info({ server }, 'Redis is back');
    if (state !== 'closed') state = 'there';
    known.resolve(true);
  };
  const isAway = () => {
    if (state === 'closed') return;
    if (state !== 'away') log.warn({ server, reason }, 'Redis is away');
    state = 'away';
    known.resolve(false);
  };
  async function tryToWrite(): Promise<void> {
    try {
      await client.set('stoa:alive', '', 'PX', TRY_EVERY_MS);
      isThere();
    } catch (error) {
      // Where the connection is lost as well, that says why.
      if (client.status !== 'ready') return;
      says(error as Error);
      isAway();
    }
  }
  let trying: NodeJS.Timeout | undefined;
  client.on('error', says);
  client.on('ready', () => {
    trying = setInterval(tryToWrite, TRY_EVERY_MS).unref();
    void tryToWrite();
  });
  client.on('close', () => {
    clearInterval(trying);
    isAway();
  });

  return {
    client,
    ready: () => known.promise,
    health: () => ({ name: 'redis', background: true, ok: state === 'there', ...(state !== 'there' && { detail: reason }) }),
    async close() {
      state = 'closed';
      if (client.status === 'ready') await client.quit().catch(() => {});
      client.disconnect();
    },
  };
}
