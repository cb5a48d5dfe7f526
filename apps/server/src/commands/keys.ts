import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { visitUsers } from './visit-users.ts';

/** `rotate`: a new key signs the access tokens as soon as every process knows it. Nobody is logged out. */
export async function keys(environment: Environment, [action]: readonly string[]): Promise<void> {
  if (action !== 'rotate') throw new StartProblem('The action must be rotate.', 'stoa keys rotate', 64);
  await visitUsers(environment, async ({ administration }) => {
    const { kid, signsFrom } = await administration.rotateKeys();
    console.log(`The key ${kid} signs from ${signsFrom.toISOString()} on. Tokens of the previous key stay valid until they expire.`);
  });
}
