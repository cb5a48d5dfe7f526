import type { Database } from '@stoa/postgres';
import { createContext, currentContext, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { findFault } from './check.ts';
import { INBOX_CHANNEL } from './inbox.ts';
import type { Jobs } from './types.ts';

/** The value of `inbox.consumer` of a job's rows. */
export const jobConsumer = (name: string): string => `job:${name}`;

export const isJob = (consumer: string): boolean => consumer.startsWith('job:');

/** The jobs of `tx`, a transaction of `database`: rows of the service's own inbox. */
export function createJobs<Schema>(service: string, database: Database<Schema>, tx: Transaction<Schema>): Jobs {
  return {
    async enqueue(job, data, { runAt, id = uuidv7() } = {}) {
      const fault = findFault(job.data, data);
      if (fault !== undefined) throw new TypeError(`data of the job ${job.name} does not fit its schema: ${fault}`);
      const { correlationId, traceparent, tracestate } = currentContext() ?? createContext();
      await sql`
        insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate, data, run_at)
        values (${jobConsumer(job.name)}, ${id}, ${job.name}, 1, ${service}, ${id}, now(), ${correlationId}, ${traceparent},
          ${tracestate ?? null}, ${JSON.stringify(data)}, coalesce(${runAt ?? null}::timestamptz, now()))
        on conflict (consumer, message_id) do nothing`.execute(tx);
      database.afterCommit(tx, () => database.notify(INBOX_CHANNEL, jobConsumer(job.name)));
    },
  };
}
