import type { Database } from '@stoa/postgres';
import type { Transaction } from 'kysely';
import { createJobs } from './jobs.ts';
import { createOutbox } from './outbox.ts';
import type { Jobs, Outbox } from './types.ts';

/** What a transaction of a service writes messages with. They need no running messaging: rows wait for a process that relays and handles. */
export interface MessageWriters<Schema> {
  /** Events that are published if, and only if, `tx` commits. */
  outbox(tx: Transaction<Schema>): Outbox;
  /** Jobs that are run if, and only if, `tx` commits. */
  jobs(tx: Transaction<Schema>): Jobs;
}

/** @param service its name: source of what it publishes. @param database its own, migrated with `messagingMigrations`. */
export const createMessageWriters = <Schema>(service: string, database: Database<Schema>): MessageWriters<Schema> => ({
  outbox: (tx) => createOutbox(service, database, tx),
  jobs: (tx) => createJobs(service, database, tx),
});
