import { registerOnce } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import { createContext, currentContext, findFault, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import type { Static, TSchema } from 'typebox';
import { TASKS_CHANNEL, type TaskKind } from './task.ts';

/** The tasks of one transaction: what is enqueued runs if, and only if, the transaction commits. */
export interface Tasks {
  /**
   * @param options.id makes the enqueueing idempotent (UUID), for thirty days; unique over all kinds of the service.
   * @param options.runAt now by default. @returns the id.
   * @throws TypeError when `data` does not fit the kind's schema, or a task of another kind has the id: then the transaction rolls back.
   */
  enqueue<Data extends TSchema>(kind: TaskKind<Data>, data: Static<Data>, options?: { id?: string; runAt?: Date }): Promise<string>;
}

/** How a kind is called where jobs and consumers are, too. */
export const taskConsumer = (kind: string): string => `task:${kind}`;

/** The tasks of `tx`, a transaction of `database`. */
export function createTasks<Schema>(database: Database<Schema>, tx: Transaction<Schema>): Tasks {
  return {
    async enqueue({ name, formerNames = [], version = 1, data: schema, destination = name }, data, { id, runAt } = {}) {
      const fault = findFault(schema, data);
      if (fault !== undefined) throw new TypeError(`data of the task ${name} does not fit its schema: ${fault}`);
      const { correlationId, traceparent, tracestate } = currentContext() ?? createContext();
      const task = id ?? uuidv7();
      // An id that we make ourselves comes once.
      const unknown = id === undefined ? sql`select ${task}::uuid as message_id` : registerOnce(id, taskConsumer(name));
      const { rows } = await sql<{ isLost: boolean }>`
        with unknown as (${unknown}), inserted as (
          insert into tasks (id, kind, version, destination, data, correlation_id, traceparent, tracestate, due_at, run_at)
          select message_id, ${name}, ${version}, ${typeof destination === 'string' ? destination : destination(data)},
            ${JSON.stringify(data)}::json, ${correlationId}, ${traceparent}, ${tracestate ?? null}, at, at
          from unknown, (select greatest(clock_timestamp(), ${runAt ?? null}::timestamptz) as at) as first
          on conflict (id) do nothing
          returning id
        )
        select exists (select from unknown) and not exists (select from inserted) as "isLost"`.execute(tx);
      if (rows[0]?.isLost) await checkKind(task, [name, ...formerNames]);
      database.afterCommit(tx, () => database.notify(TASKS_CHANNEL, name));
      return task;
    },
  };

  /** The id is registered for this kind by now, and without a rollback its next use would count as a repeat. */
  async function checkKind(id: string, names: readonly string[]): Promise<void> {
    const { rows } = await sql<{ kind: string }>`
      select kind from tasks where id = ${id} union all select kind from finished_tasks where id = ${id}`.execute(tx);
    const other = rows.find(({ kind }) => !names.includes(kind));
    if (other === undefined) return;
    const refusal = new TypeError(`the id ${id} of a task ${names[0]} belongs to a task ${other.kind}`);
    database.forbidCommit(tx, refusal);
    throw refusal;
  }
}
