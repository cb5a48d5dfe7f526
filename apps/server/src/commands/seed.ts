import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { visitUsers } from './visit-users.ts';

const USAGE = 'stoa seed --users N';
const MOST = 10_000_000;
/** Of every seeded account, for whoever tries something out. */
const PASSWORD = 'a password for trying out';

/** Fills the house with accounts that nobody has, to see how it is with many. */
export async function seed(environment: Environment, { users }: Readonly<Record<string, unknown>>): Promise<void> {
  const count = typeof users === 'string' && /^[1-9]\d{0,7}$/.test(users) ? Number(users) : 0;
  if (count === 0 || count > MOST) throw new StartProblem(`How many accounts, from 1 to ${MOST}?`, USAGE, 64);
  const begun = performance.now();
  const onProgress = (done: number) => {
    const text = `${done} of ${count} accounts`;
    if (process.stderr.isTTY) process.stderr.write(`\r${text}${done === count ? '\n' : ''}`);
    else if (done === count || done % 200_000 === 0) console.error(text);
  };
  const email = await visitUsers(environment, ({ administration }) => administration.seed(count, PASSWORD, onProgress));
  console.log(
    `${count} accounts in ${((performance.now() - begun) / 1_000).toFixed(1)} s. Each has the password "${PASSWORD}"; one is ${email}`,
  );
}
