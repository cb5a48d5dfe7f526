import type { Kysely, Transaction } from 'kysely';
import type { Handler } from './handling.ts';
import type { Inbox } from './inbox.ts';
import { jobConsumer } from './job-consumer.ts';
import type { Taken } from './live-copies.ts';
import { canonicalData } from './reader-schema.ts';
import { type Consumer, type Cron, type Job, type Jobs, type Message, MisfitError, PermanentError } from './types.ts';
import { UNROUTED } from './unrouted.ts';
import { findMisfit, findVersion, readData, type Version, versionsOfConsumer, versionsOfJob } from './versions.ts';

/** All that the workers of a service serve. What does not fit waits: a newer copy may take more values of the same version. */
export function createHandlers<Schema>(
  consumers: readonly Consumer<Schema>[],
  jobs: readonly Job<Schema>[],
  crons: readonly Cron[],
  inbox: Inbox<Schema>,
  jobsOf: (tx: Transaction<Schema>) => Jobs,
): Handler<Schema>[] {
  const handlers: Handler<Schema>[] = [
    ...consumers.map((consumer) => ({
      name: consumer.name,
      takes: takenOf(consumer.name, versionsOfConsumer(consumer)),
      ordered: consumer.ordered ?? false,
      batch: consumer.batch,
      async handle(tx: Transaction<Schema>, received: Message) {
        const { version, message } = read(versionsOfConsumer(consumer), received);
        const misfit = findMisfit(version, message);
        if (misfit !== undefined) throw new MisfitError(`data does not fit the contract: ${misfit}`);
        await consumer.handle(tx, version.upcast(message.data), message);
      },
    })),
    ...jobs.flatMap((job) =>
      [job.name, ...(job.formerNames ?? [])].map(
        (name): Handler<Schema> => ({
          name: jobConsumer(name),
          takes: takenOf(jobConsumer(name), versionsOfJob(job, name)),
          ordered: false,
          batch: job.batch,
          everySeconds: crons.find((cron) => cron.job === name)?.everySeconds,
          async handle(tx, received) {
            const data = readData(job, name, received);
            if ((await job.handle(tx, data)) === 'more') await jobsOf(tx).enqueue(job, data);
          },
        }),
      ),
    ),
    {
      name: UNROUTED,
      takes: [],
      ordered: false,
      async handle(tx, message) {
        const rows = await inbox.route(tx as Kysely<Schema>, [message.source === 'unknown' ? message.data : message]);
        for (const { consumer, reason } of rows) {
          if (consumer !== UNROUTED) continue;
          if (reason !== undefined) throw new PermanentError(reason);
          throw new MisfitError(`no consumer takes ${message.type}, here or in a live copy`);
        }
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

const takenOf = (consumer: string, versions: readonly Version[]): Taken[] =>
  versions.map(({ type, version }) => ({ consumer, type, version }));

/** @returns the message with the ids of its data in their one form, and the version that it is of. */
function read(versions: readonly Version[], received: Message): { readonly version: Version; readonly message: Message } {
  const version = findVersion(versions, received);
  if (version === undefined) throw new MisfitError(`no live copy takes version ${received.version} of ${received.type}`);
  return { version, message: { ...received, data: canonicalData(version.schema, received.data) } };
}
