import { logIn, somebody } from '../test/e2e/client.ts';
import { activePerson, stoaForLoad } from './accounts.ts';
import { median, type Workload } from './workload.ts';

const SAMPLES = 200;
/** Fewer than an account may fail from one client IP. */
const PER_ACCOUNT = 8;

/** Milliseconds until a wrong password is refused, beside those until an unknown account is: in turns, medians. */
export const timing: Workload = async () => {
  await using system = await stoaForLoad({ BCRYPT_COST: '10' });
  const people = await Promise.all(Array.from({ length: SAMPLES / PER_ACCOUNT }, () => activePerson(system.url)));
  const timed = async (email: string) => {
    const begun = performance.now();
    const { status } = await logIn(system.url, { email, password: 'not the password' });
    if (status !== 401) throw new Error(`log-in answered ${status}`);
    return performance.now() - begun;
  };
  const known: number[] = [];
  const unknown: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    known.push(await timed((people[sample % people.length] as { email: string }).email));
    unknown.push(await timed(somebody().email));
  }
  return [{ what: 'wrong password, beside unknown account', value: median(known), unit: 'ms', floor: median(unknown), goal: '0.9 to 1.1' }];
};
