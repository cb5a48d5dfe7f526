import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@stoa/service';
import pg from 'pg';
import { hasEnded } from './cut-off.ts';

/** A peer that went silent is noticed after at most twice this: one interval between heartbeats, one time-out. */
const HEARTBEAT_MS = 5_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;

/** One life of the connection, from a connect to its loss. */
export interface Link {
  /** Aborted when the connection is gone, and with it its locks and subscriptions. */
  readonly lost: AbortSignal;
  /** One statement after the other, in the order of the calls. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
}

export interface SessionConnection {
  /** The live link; while the server is away it waits and tries again. @throws after `close`. */
  link(): Promise<Link>;
  /** The link if there is one now. */
  live(): Link | undefined;
  close(): Promise<void>;
}

export interface SessionConnectionOptions {
  readonly options: pg.ClientConfig;
  readonly log: Logger;
  readonly name: string;
  /** Restores what a new connection must have, before `link` hands it out. `again` is false the first time. */
  prepare(link: Link, again: boolean): Promise<void>;
  /** Called for what others sent, not for what was sent on this connection. */
  notified(channel: string, payload: string): void;
  readonly heartbeatMs?: number;
}

/** One connection outside the pool that is opened by the first `link` and from then on kept alive until `close`. */
export function createSessionConnection({
  options,
  log,
  name,
  prepare,
  notified,
  heartbeatMs = HEARTBEAT_MS,
}: SessionConnectionOptions): SessionConnection {
  const closing = new AbortController();
  let current: Promise<Link> | undefined;
  let end = async (): Promise<void> => {};
  let established = false;
  let live: Link | undefined;

  async function connect(): Promise<Link> {
    const client = new pg.Client({ ...options, query_timeout: heartbeatMs });
    const lost = new AbortController();
    client.on('error', () => void client.end());
    client.on('end', () => lost.abort());
    client.on('notification', ({ channel, payload, processId }) => {
      if (processId !== ownProcess(client)) notified(channel, payload ?? '');
    });
    await client.connect();
    const link = { lost: lost.signal, query: inTurn(client) };
    end = () => hasEnded(client, client.end());
    try {
      await prepare(link, established);
    } catch (error) {
      await client.end();
      throw error;
    }
    established = true;
    live = link;
    const heartbeat = setInterval(() => void link.query('select 1').catch(() => client.end()), heartbeatMs);
    onAbort(lost.signal, () => {
      clearInterval(heartbeat);
      current = undefined;
      live = undefined;
      if (closing.signal.aborted) return;
      log.warn({ database: name }, 'session connection lost');
      void open().catch(() => {});
    });
    return link;
  }

  async function connectUntilClosed(): Promise<Link> {
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      closing.signal.throwIfAborted();
      try {
        return await connect();
      } catch (error) {
        log.warn({ database: name, reason: error instanceof Error ? error.message : String(error) }, 'session connection refused');
      }
      await delay(wait, undefined, { signal: closing.signal });
    }
  }

  const open = (): Promise<Link> => (current ??= connectUntilClosed());

  return {
    link: open,
    live: () => live,
    async close() {
      closing.abort(new Error('The database is closed.'));
      await current?.catch(() => {});
      await end();
    },
  };
}

/** `pg` means to stop queueing statements on a busy client, and one that times out leaves the connection unusable. */
function inTurn(client: pg.Client): Link['query'] {
  let last: Promise<unknown> = Promise.resolve();
  return <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
    const rows = last.then(() => client.query<Row>(text, values)).then((result) => result.rows);
    last = rows.catch((error: Error) => {
      if (error.message === 'Query read timeout') return client.end();
      return undefined;
    });
    return rows;
  };
}

/** Of the server process behind a connection; missing in the type. */
const ownProcess = (client: pg.Client): unknown => (client as pg.Client & { readonly processID?: number | null }).processID;

function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
}
