import type { Database } from '@stoa/postgres';
import { emailAddressForm } from '@stoa/service';
import { MAILBOX_CHANNEL } from './mailbox-store.ts';

/** Reports each message that arrives, on whichever copy of the service it arrived. */
export interface Arrivals {
  /**
   * Calls `heard` on each message that may be for `to` (any message when absent), until `signal` is aborted or the
   * service stops. Query what is there only *after* this: then no message in between is missed.
   */
  watch(to: string | undefined, signal: AbortSignal, onMessage: () => void): void;
  /** Resolves at the next message that may be for `to`, or when `signal` is aborted. */
  next(to: string | undefined, signal: AbortSignal): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createArrivals(database: Pick<Database<unknown>, 'listen'>): Arrivals {
  const watchers = new Set<(recipients: readonly string[]) => void>();
  let unlisten: (() => Promise<void>) | undefined;

  const watch: Arrivals['watch'] = (to, signal, heard) => {
    const wanted = to === undefined ? undefined : emailAddressForm(to);
    const watcher = (recipients: readonly string[]): void => {
      // No recipients: they were too many for a notification, or the connection was lost for a while. Look.
      if (wanted === undefined || recipients.length === 0 || recipients.includes(wanted)) heard();
    };
    if (signal.aborted) return;
    watchers.add(watcher);
    signal.addEventListener('abort', () => watchers.delete(watcher), { once: true });
  };

  return {
    watch,
    async next(to, signal) {
      const done = new AbortController();
      const either = AbortSignal.any([signal, done.signal]);
      const { promise, resolve } = Promise.withResolvers<void>();
      either.addEventListener('abort', () => resolve(), { once: true });
      watch(to, either, () => done.abort());
      if (!signal.aborted) await promise;
    },
    async start() {
      unlisten = await database.listen(MAILBOX_CHANNEL, (told) => {
        const recipients = told === '' ? [] : told.split(' ');
        for (const watcher of [...watchers]) watcher(recipients);
      });
    },
    async stop() {
      await unlisten?.();
      watchers.clear();
    },
  };
}
