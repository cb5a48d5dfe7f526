import { availableParallelism } from 'node:os';
import { latestMail, register, somebody } from '../test/e2e/client.ts';
import { dataFolder, startStoa } from '../test/e2e/stoa-process.ts';
import { runScript } from './run-script.ts';
import { inTurns, type Workload } from './workload.ts';

const COST = 12;
const REGISTRATIONS = 100;
/** Enough to keep every hashing worker busy, far below the queue's limit. */
const IN_FLIGHT = availableParallelism() * 4;

/**
 * Registrations per second, from the first request until the last mail is in the mailbox, beside bare bcrypt at the same cost
 * with the same number of workers. Both do the same number of hashes.
 */
export const registration: Workload = async () => {
  await using folder = await dataFolder();
  const env = { BCRYPT_COST: String(COST), MAIL_RATE_PER_SECOND: '1000', RATE_LIMITS: 'off' };
  const stoa = await startStoa({ dataDirectory: folder.path, env });
  try {
    const { value, floor } = await inTurns(
      3,
      () => registrationsPerSecond(stoa.url),
      () => runScript('bench/floors/bcrypt.ts', [String(COST), String(REGISTRATIONS)]),
    );
    return [{ what: `registrations, bcrypt ${COST}, mails delivered`, value, unit: '/s', floor, goal: '≥ 0.85' }];
  } finally {
    await stoa.stop();
  }
};

async function registrationsPerSecond(url: string): Promise<number> {
  const people = Array.from({ length: REGISTRATIONS }, somebody);
  const waiting = [...people];
  const begun = performance.now();
  const client = async () => {
    for (let person = waiting.pop(); person !== undefined; person = waiting.pop()) {
      const { status } = await register(url, person);
      if (status !== 201) throw new Error(`registration answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, client));
  for (const { email } of people) await latestMail(url, email, '20s');
  return REGISTRATIONS / ((performance.now() - begun) / 1000);
}
