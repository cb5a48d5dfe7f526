import type { Http } from '@stoa/http';
import type { Database } from '@stoa/postgres';
import type { Logger } from '@stoa/service';
import type { MailerTables } from '../tables.ts';
import { type MailboxTransportOptions, startMailboxTransport } from '../transports/mailbox-transport.ts';
import type { Transport } from '../transports/transport.ts';
import { createArrivals } from './arrivals.ts';
import { installMailboxRoutes } from './mailbox.routes.ts';
import { installMailboxPage } from './mailbox-page.routes.ts';
import { createMailboxStore } from './mailbox-store.ts';

export interface Mailbox {
  start(): Promise<void>;
  /** The transport whose mails arrive here. */
  openTransport(options: Pick<MailboxTransportOptions, 'from' | 'connections'>): Promise<Transport>;
  stop(): Promise<void>;
}

/** Store, routes and page of the local mailbox, on the instance of the service. */
export function openMailbox({
  http,
  database,
  log,
}: {
  readonly http: Http;
  readonly database: Database<MailerTables>;
  readonly log: Logger;
}): Mailbox {
  const store = createMailboxStore(database);
  const arrivals = createArrivals(database);
  installMailboxRoutes(http, { store, arrivals });
  installMailboxPage(http);
  return {
    start: () => arrivals.start(),
    openTransport: (options) => startMailboxTransport({ ...options, store, log }),
    stop: () => arrivals.stop(),
  };
}
