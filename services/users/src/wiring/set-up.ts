import { createSetUp } from '../application/set-up.ts';
import { createCommonPasswords } from '../infrastructure/common-passwords.ts';
import { createKeyedMutex } from '../infrastructure/keyed-mutex.ts';
import { setUpCodeMaker as codeMaker } from '../infrastructure/set-up-codes.ts';
import { setUpRoute } from '../presentation/set-up.route.ts';
import type { Kit } from './kit.ts';

/** The first administrator, by a code that was printed at a start. */
export function addSetUp({ http, passwords, inTransaction, limits, rules, clock }: Kit): void {
  const commonPasswords = createCommonPasswords();
  const setUp = createSetUp({ codeMaker, passwords, inTransaction, clock, keyedMutex: createKeyedMutex(), commonPasswords });
  setUpRoute(http, { setUp, limits, rules });
}
