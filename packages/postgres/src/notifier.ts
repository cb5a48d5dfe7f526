import { type Logger, pause, withTimeout } from '@stoa/service';
import type { Link } from './session-connection.ts';

/** Between two statements: NOTIFY takes a lock that all databases of a server share, so it is not to be taken for every commit. */
const PACE_MS = 15;
/** Beyond so many different payloads of a channel that wait, as while the server is away, one empty payload stands for all. */
const MOST_PAYLOADS = 200;
/** How long `close` waits for what is still to be sent. */
const CLOSE_LIMIT_MS = 500;

export interface NotifierOptions {
  link(): Promise<Link>;
  readonly log: Logger;
  readonly name: string;
}

export interface Notifier {
  notify(channel: string, payload: string): void;
  close(): Promise<void>;
}

/** Sends notifications, the first at once, those that come within the pace together, each once. What fails is lost. */
export function createNotifier({ link, log, name }: NotifierOptions): Notifier {
  const waiting = new Map<string, Set<string>>();
  const closing = new AbortController();
  let sending: Promise<void> | undefined;

  async function send(): Promise<void> {
    const { query } = await link();
    const told = [...waiting].flatMap(([channel, payloads]) => [...payloads].map((payload) => [channel, payload] as const));
    waiting.clear();
    const [channels, payloads] = [told.map(([channel]) => channel), told.map(([, payload]) => payload)];
    await query('select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as told (channel, payload)', [channels, payloads]);
  }

  async function sendAll(): Promise<void> {
    while (waiting.size > 0) {
      await send().catch((error: unknown) => {
        waiting.clear();
        log.debug({ err: error, database: name }, 'notification lost');
      });
      await pause(PACE_MS, closing.signal);
    }
    sending = undefined;
  }

  return {
    notify(channel, payload) {
      if (closing.signal.aborted) return;
      const payloads = waiting.get(channel) ?? new Set();
      waiting.set(channel, payloads.size < MOST_PAYLOADS ? payloads.add(payload) : new Set(['']));
      sending ??= sendAll();
    },
    async close() {
      closing.abort();
      if (sending !== undefined) await withTimeout(sending, CLOSE_LIMIT_MS, () => {});
    },
  };
}
