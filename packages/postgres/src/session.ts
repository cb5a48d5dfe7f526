import type { Logger } from '@stoa/service';
import pg from 'pg';
import type { Database } from './database.ts';
import { createLeading } from './leading.ts';
import { createNotifier } from './notifier.ts';
import { createSessionConnection, type Link } from './session-connection.ts';

type Handler = (payload: string) => unknown;

export interface SessionOptions {
  readonly options: pg.ClientConfig;
  readonly log: Logger;
  readonly name: string;
}

export interface Session extends Pick<Database<unknown>, 'listen' | 'lead' | 'notify'> {
  close(): Promise<void>;
}

/** Listening and leading need a connection that stays: both share one, outside the pool. Notifications are sent on it too. */
export function createSession({ options, log, name }: SessionOptions): Session {
  const handlers = new Map<string, Set<Handler>>();

  /** @returns whether one of the handlers settled it, so that no other process has to be notified. */
  const tell = (channel: string, payload: string): boolean => {
    let isSettled = false;
    for (const handler of [...(handlers.get(channel) ?? [])]) {
      try {
        if (handler(payload) === true) isSettled = true;
      } catch (error) {
        log.error({ err: error, database: name, channel }, 'notification handler threw');
      }
    }
    return isSettled;
  };

  const connection = createSessionConnection({
    options,
    log,
    name,
    notified: tell,
    async prepare(link, again) {
      for (const channel of handlers.keys()) await subscribe(link, channel);
      if (again) for (const channel of handlers.keys()) tell(channel, '');
    },
  });
  const leading = createLeading({ link: connection.link, log, name });
  const notifier = createNotifier({ link: connection.link, log, name });

  return {
    async listen(channel, handler) {
      const own: Handler = (payload) => handler(payload);
      handlers.set(channel, (handlers.get(channel) ?? new Set()).add(own));
      await whileLinked(connection.link, (link) => subscribe(link, channel));
      return async () => {
        const rest = handlers.get(channel);
        if (!rest?.delete(own) || rest.size > 0) return;
        handlers.delete(channel);
        // Nobody listens any more, so nothing waits for the server: a subscription of a lost link went with it.
        await connection
          .live()
          ?.query(`unlisten ${pg.escapeIdentifier(channel)}`)
          .catch(() => {});
      };
    },
    lead: leading.lead,
    notify(channel, payload = '') {
      if (!tell(channel, payload)) notifier.notify(channel, payload);
    },
    async close() {
      await leading.stop();
      await notifier.close();
      await connection.close();
    },
  };
}

const subscribe = async (link: Link, channel: string): Promise<void> => {
  await link.query(`listen ${pg.escapeIdentifier(channel)}`);
};

/** Runs `work` on the link, and again on the next one when the link is lost under it. */
async function whileLinked(current: () => Promise<Link>, work: (link: Link) => Promise<void>): Promise<void> {
  for (;;) {
    const link = await current();
    try {
      return await work(link);
    } catch (error) {
      if (!link.lost.aborted) throw error;
    }
  }
}
