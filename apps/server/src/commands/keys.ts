import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { visitUsers } from './visit-users.ts';

/** `rotate`: another key signs the access tokens from when every process has heard of it. Nobody is logged out. */
export async function keys(environment: Environment, [action]: readonly string[]): Promise<void> {
  if (action !== 'rotate') throw new StartProblem('What is to be done with the keys?', 'stoa keys rotate', 64);
  await visitUsers(environment, async ({ administration }) => {
    const { kid, signsFrom } = await administration.rotateKeys();
    console.log(`The key ${kid} signs from ${signsFrom.toISOString()} on. Tokens of the key before stay good until they expire.`);
  });
}
