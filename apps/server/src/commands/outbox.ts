import { NotKeptError, resendSince } from '@stoa/messaging';
import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { visitServices } from './visit-services.ts';

interface Options {
  readonly since?: string;
  readonly subscriber?: string;
  readonly rate?: string;
}

/** With a date, a time and a time zone: no local time zone is assumed. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * `resend --since TIME`: puts the events sent since then into the outboxes of the services again, so that their relays send them once more.
 * It works on the databases, whether Stoa runs or not.
 */
export async function outbox(environment: Environment, [action = '']: readonly string[], options: Options): Promise<void> {
  const { since = '', subscriber, rate } = options;
  const time = TIME.test(since) ? new Date(since) : undefined;
  if (action !== 'resend' || time === undefined || Number.isNaN(time.getTime()))
    throw new StartProblem('The action must be resend, --since a time with a zone.', 'stoa outbox resend --since 2026-01-31T09:30:00Z', 64);
  if (rate !== undefined && !/^[1-9]\d{0,3}$/.test(rate))
    throw new StartProblem(`--rate ${rate} is not a rate per second.`, 'Take a number from 1 to 9999.', 64);
  const chosen = { since: time, ...(subscriber && { subscriber }), ...(rate && { ratePerSecond: Number(rate) }) };
  await visitServices(environment, undefined, async (service, database) => {
    try {
      console.log(`${service}: ${await resendSince(database, chosen)} to be sent again`);
    } catch (error) {
      if (error instanceof NotKeptError) throw new StartProblem(`${since} is too long ago. ${error.message}`, 'Take a later time.', 64);
      throw error;
    }
  });
}
