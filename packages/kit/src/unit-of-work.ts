import type { Database } from '@stoa/postgres';
import type { Transaction } from 'kysely';

/** How the use cases of a service with layers get a transaction: they see its ports, and no database. */
export interface UnitOfWork<Tables, Ports> {
  /** Runs `work` in a transaction of its own; a throw rolls back and passes on. */
  run<T>(work: (ports: Ports) => Promise<T>): Promise<T>;
  /** Runs `work` in a transaction that is open, that of a consumer or a job. */
  in<T>(tx: Transaction<Tables>, work: (ports: Ports) => Promise<T>): Promise<T>;
}

/**
 * @param portsOf makes the ports of a transaction.
 * @param complete ends each piece of work, on its ports: what follows from all that it has done, and commits with it.
 */
export function unitOfWork<Tables, Ports>(
  database: Database<Tables>,
  portsOf: (tx: Transaction<Tables>) => Ports,
  complete: (ports: Ports) => Promise<void> = async () => {},
): UnitOfWork<Tables, Ports> {
  const inTransaction: UnitOfWork<Tables, Ports>['in'] = async (tx, work) => {
    const ports = portsOf(tx);
    const result = await work(ports);
    await complete(ports);
    return result;
  };
  return { run: (work) => database.transaction((tx) => inTransaction(tx, work)), in: inTransaction };
}
