import type { Database } from '@stoa/postgres';
import type { Transaction } from 'kysely';

/** Runs `work` in one transaction, on the ports that write in it; a throw rolls back and passes on. */
export type UnitOfWork<Ports> = <T>(work: (ports: Ports) => Promise<T>) => Promise<T>;

/** For a service with layers: its use cases see the ports that `portsOf` makes of a transaction, and no database. */
export const unitOfWork =
  <Tables, Ports>(database: Database<Tables>, portsOf: (tx: Transaction<Tables>) => Ports): UnitOfWork<Ports> =>
  (work) =>
    database.transaction((tx) => work(portsOf(tx)));
