import type { ConnectionProvider, Dialect } from 'kysely';
import { Transaction } from 'kysely';

/** A statement that does not belong where it was sent: a mistake of the program, which no repeat mends. */
export class TransactionMisuse extends Error {
  override readonly name = 'TransactionMisuse';
}

export type WhenCommitted = Set<() => unknown>;

interface State {
  /** `work` has ended: nothing more is sent. */
  isOver: boolean;
  /** The statement under way; never rejects. */
  running: Promise<void> | undefined;
  /** Why the transaction must not commit. */
  fault: Error | undefined;
  readonly whenCommitted: WhenCommitted;
}

const states = new WeakMap<object, State>();

/**
 * Runs `work` on a transaction that carries one statement at a time, and none after `work` has ended. A statement beside another one,
 * or left under way at the end, ends in a rollback even if its own error is swallowed: with two at once, what fails in one does not
 * keep the next of the other from running. Waits for the statement under way, so that `rollback` never queues behind it.
 * @param whenCommitted gets what `afterCommit` was given.
 */
export async function runGuarded<Schema, T>(
  tx: Transaction<Schema>,
  dialect: Dialect,
  work: (tx: Transaction<Schema>) => Promise<T>,
  whenCommitted: WhenCommitted,
): Promise<T> {
  const state: State = { isOver: false, running: undefined, fault: undefined, whenCommitted };
  const guarded = oneAtATime(tx, dialect, state);
  states.set(guarded, state);
  try {
    const result = await work(guarded);
    if (state.running !== undefined) state.fault ??= new TransactionMisuse('A statement is still under way at the end: await it.');
    if (state.fault !== undefined) throw state.fault;
    return result;
  } finally {
    state.isOver = true;
    await state.running;
  }
}

/** @throws TypeError when `tx` is not what `Database.transaction` gave to its closure. */
export function stateOf(tx: object): State {
  const state = states.get(tx);
  if (state === undefined) throw new TypeError('Not a transaction of this database: pass the one that the closure was given.');
  return state;
}

function oneAtATime<Schema>(tx: Transaction<Schema>, dialect: Dialect, state: State): Transaction<Schema> {
  const inner = tx.getExecutor();
  const provider: ConnectionProvider = {
    async provideConnection(consumer, options) {
      if (state.isOver) throw new TransactionMisuse('The transaction has ended: this statement would run outside of it.');
      if (state.running !== undefined) state.fault ??= new TransactionMisuse('A transaction carries one statement at a time: await it.');
      if (state.fault !== undefined) throw state.fault;
      const given = inner.provideConnection(consumer, options);
      state.running = given.then(
        () => {},
        () => {},
      );
      try {
        return await given;
      } finally {
        state.running = undefined;
      }
    },
  };
  // Of these a transaction uses the executor alone; the driver is one that is never connected.
  return new Transaction<Schema>({
    config: { dialect },
    dialect,
    driver: dialect.createDriver(),
    executor: inner.withConnectionProvider(provider),
  });
}
