import { listScheduledJobs, type RunNow, runScheduledJob } from '@stoa/messaging';
import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { visitServices } from './visit-services.ts';

const answers: Record<RunNow, string> = {
  enqueued: 'runs now',
  'pulled-forward': 'a run had failed and waited for its next try; it is tried now',
  'under-way': 'a run is under way already, no other was added',
};

/**
 * `list`: the scheduled jobs, one per line. `run <service>.<job>` runs one now: the worker process of the service starts it within
 * seconds, or when it starts.
 */
export async function jobs(environment: Environment, [action = '', id]: readonly string[]): Promise<void> {
  if (action === 'list' && id === undefined) {
    return await visitServices(environment, undefined, async (service, { query }) => {
      for (const { job, everySeconds, nextAt } of await listScheduledJobs(query))
        console.log(`${service}.${job}  every ${everySeconds} s, next at ${nextAt.toISOString()}`);
    });
  }
  const [, service, job = ''] = /^([a-z0-9-]+)\.(.+)$/.exec(id ?? '') ?? [];
  if (action !== 'run' || service === undefined)
    throw new StartProblem('The action must be list, or run with a job.', 'stoa jobs list, or stoa jobs run SERVICE.JOB', 64);
  await visitServices(environment, service, async (_service, database) => {
    const done = await runScheduledJob(database, job);
    if (done === undefined) throw new StartProblem(`There is no job ${id}.`, 'Take one from: stoa jobs list', 66);
    console.log(`${id}: ${answers[done]}`);
  });
}
