import type { Database } from '@stoa/postgres';
import { createContext, currentContext, findFault, uuidv7 } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { INBOX_CHANNEL } from './inbox.ts';
import { registerOnce } from './inbox-register.ts';
import { jobConsumer } from './job-consumer.ts';
import type { Jobs } from './types.ts';

/** The jobs of `tx`, a transaction of `database`: rows of the service's own inbox. */
export function createJobs<Schema>(service: string, database: Database<Schema>, tx: Transaction<Schema>): Jobs {
  return {
    async enqueue(job, data, { runAt, id } = {}) {
      const fault = findFault(job.data, data);
      if (fault !== undefined) throw new TypeError(`data of the job ${job.name} does not fit its schema: ${fault}`);
      const { correlationId, traceparent, tracestate } = currentContext() ?? createContext();
      const consumer = jobConsumer(job.name);
      const at = sql`${runAt ?? null}::timestamptz`;
      // An id that we make ourselves comes once.
      const unknown = id === undefined ? sql`select ${uuidv7()}::uuid as message_id` : registerOnce(id, consumer);
      await sql`
        with unknown as (${unknown})
        insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, tracestate, data,
          run_at, delayed, registered)
        select ${consumer}, message_id, ${job.name}, ${job.version ?? 1}, ${service}, message_id::text, now(), ${correlationId}, ${traceparent},
          ${tracestate ?? null}, ${JSON.stringify(data)}::json,
          greatest(clock_timestamp(), ${at}), coalesce(${at} > clock_timestamp(), false), true
        from unknown
        on conflict (consumer, message_id) do nothing`.execute(tx);
      database.afterCommit(tx, () => database.notify(INBOX_CHANNEL, jobConsumer(job.name)));
    },
  };
}
