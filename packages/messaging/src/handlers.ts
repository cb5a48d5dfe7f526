import type { Kysely } from 'kysely';
import { findFault } from './check.ts';
import type { Handler } from './handling.ts';
import { findMisfit, type Inbox, UNROUTED } from './inbox.ts';
import { jobConsumer } from './jobs.ts';
import { type Consumer, type Cron, type Job, PermanentError } from './types.ts';

/** All that the workers of a service serve. Data is checked once more: a replayed row may be one that was refused. */
export function createHandlers<Schema>(
  consumers: readonly Consumer<Schema>[],
  jobs: readonly Job<Schema>[],
  crons: readonly Cron[],
  inbox: Inbox<Schema>,
): Handler<Schema>[] {
  const handlers: Handler<Schema>[] = [
    ...consumers.map((consumer) => ({
      name: consumer.name,
      ordered: consumer.ordered ?? false,
      batch: consumer.batch,
      async handle(tx: Parameters<typeof consumer.handle>[0], message: Parameters<typeof consumer.handle>[2]) {
        const misfit = findMisfit(consumer, message);
        if (misfit !== undefined) throw new PermanentError(misfit);
        await consumer.handle(tx, message.data, message);
      },
    })),
    ...jobs.map(
      (job): Handler<Schema> => ({
        name: jobConsumer(job.name),
        ordered: false,
        batch: job.batch,
        everySeconds: crons.find((cron) => cron.job === job.name)?.everySeconds,
        async handle(tx, { data }) {
          const fault = findFault(job.data, data);
          if (fault !== undefined) throw new PermanentError(`data does not fit the job's schema: ${fault}`);
          await job.handle(tx, data);
        },
      }),
    ),
    {
      name: UNROUTED,
      ordered: false,
      async handle(tx, message) {
        const rows = inbox.route(message.source === 'unknown' ? message.data : message);
        for (const { consumer, reason } of rows) if (consumer === UNROUTED) throw new PermanentError(reason);
        await inbox.insert(tx as Kysely<Schema>, rows);
      },
    },
  ];
  const twice = handlers.find(({ name }, index) => handlers.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new TypeError(`two consumers or jobs are named ${twice.name}`);
  for (const { name, batch = 1 } of handlers)
    if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`the batch of ${name} must be a whole number from 1, not ${batch}`);
  return handlers;
}
