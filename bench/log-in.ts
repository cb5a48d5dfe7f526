import { availableParallelism } from 'node:os';
import { logIn } from '../test/e2e/client.ts';
import { activePerson, stoaForLoad } from './accounts.ts';
import { runScript } from './run-script.ts';
import { inTurns, type Workload } from './workload.ts';

const IN_FLIGHT = availableParallelism() * 4;

/** The defaults of each, and about four seconds of both cores. */
const HASHERS = [
  { name: 'bcrypt 12', env: { BCRYPT_COST: '12' }, logIns: 100, floor: ['bcrypt.ts', '12'] },
  {
    name: 'argon2id 19 MiB',
    env: { PASSWORD_HASHER: 'argon2id', ARGON2_MEMORY_KIB: '19456', ARGON2_PASSES: '2' },
    logIns: 300,
    floor: ['argon2id.ts', '19456', '2'],
  },
] as const;

/** Log-ins per second of twenty people, beside the bare hash with the same parameters and the same number of workers. */
export const logIns: Workload = async () => {
  const rows = [];
  for (const hasher of HASHERS) rows.push(await logInsBy(hasher));
  return rows;
};

async function logInsBy({ name, env, logIns: count, floor: [script, ...parameters] }: (typeof HASHERS)[number]) {
  await using system = await stoaForLoad(env);
  const people = await Promise.all(Array.from({ length: 20 }, () => activePerson(system.url)));
  const logInsPerSecond = async () => {
    let left: number = count;
    const begun = performance.now();
    const client = async () => {
      while (left > 0) {
        left -= 1;
        const { status } = await logIn(system.url, people[left % people.length] as (typeof people)[number]);
        if (status !== 201) throw new Error(`log-in answered ${status}`);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, client));
    return count / ((performance.now() - begun) / 1000);
  };
  const { value, floor } = await inTurns(3, logInsPerSecond, () => runScript(`bench/floors/${script}`, [...parameters, String(count)]));
  return { what: `log-ins, ${name}`, value, unit: '/s', floor, goal: '≥ 0.85' };
}
