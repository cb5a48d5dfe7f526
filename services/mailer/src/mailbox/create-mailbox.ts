import type { Http } from '@stoa/http';
import type { Part, ServiceContext } from '@stoa/kit';
import type { MailerConfig } from '../config.ts';
import type { MailerTables } from '../tables.ts';
import { type MailboxTransportOptions, startMailboxTransport } from '../transports/mailbox-transport.ts';
import type { Transport } from '../transports/transport.ts';
import { createArrivals } from './arrivals.ts';
import { installMailboxRoutes } from './mailbox.routes.ts';
import { installMailboxPage } from './mailbox-page.routes.ts';
import { createMailboxStore } from './mailbox-store.ts';

export interface Mailbox extends Part {
  /** Its routes and its page. */
  routes(http: Http): void;
  /** The transport whose mails arrive here. */
  openTransport(options: Pick<MailboxTransportOptions, 'from' | 'connections'>): Promise<Transport>;
}

/** The local mailbox: store, routes, page, and the transport that fills it. */
export function createMailbox({ database, log }: Pick<ServiceContext<MailerConfig, MailerTables>, 'database' | 'log'>): Mailbox {
  const store = createMailboxStore(database);
  const arrivals = createArrivals(database);
  return {
    start: arrivals.start,
    stop: arrivals.stop,
    routes(http) {
      installMailboxRoutes(http, { store, arrivals });
      installMailboxPage(http);
    },
    openTransport: (options) => startMailboxTransport({ ...options, store, log }),
  };
}
