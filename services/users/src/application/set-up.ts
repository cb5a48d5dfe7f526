import { AppError, type Clock, uuidv7 } from '@stoa/service';
import { newAdministrator } from '../domain/administrator.ts';
import { parsePerson } from '../domain/person.ts';
import type { User } from '../domain/user.ts';
import { errors, refusedFields } from '../errors.ts';
import type { Passwords } from './credential-ports.ts';
import { withDeadline } from './deadline.ts';
import type { SetUpCodeMaker } from './permission-ports.ts';
import type { InTransaction, KeyedMutex, UsersTx } from './ports.ts';

export interface SetUpPorts {
  readonly codeMaker: SetUpCodeMaker;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly keyedMutex: KeyedMutex;
  readonly commonPasswords: () => Promise<(lowerCased: string) => boolean>;
}

export interface FirstAdministrator {
  readonly code: string;
  readonly email: string;
  readonly password: string;
  readonly fullName?: string;
}

export type SetUp = (draft: FirstAdministrator, signal: AbortSignal) => Promise<User>;

/**
 * Makes the first administrator, protected, for a person with the code that was printed at a start. Whether there is one is checked
 * under the lock that every change of administrators takes, so that one of any number at the same time succeeds.
 * @throws 409 `already_set_up`; 403 `setup_code_invalid`; 400 `validation_failed` and 409 `email_taken`, which leave the code as it was;
 *   503 `hashing_busy`.
 */
export function createSetUp({ codeMaker, passwords, inTransaction, clock, keyedMutex, commonPasswords }: SetUpPorts): SetUp {
  async function requireOpen({ administrators, setUpCodes }: UsersTx, digest: Buffer, now: Date) {
    // In this order: making the first administrator removes the codes.
    const isOpen = await setUpCodes.isOpen(digest, now);
    if (await administrators.exist()) throw errors.already_set_up();
    if (!isOpen) throw errors.setup_code_invalid();
  }

  /** A wrong code is audited: somebody tries to become an administrator. */
  async function refuse(error: unknown, at: Date): Promise<never> {
    if (error instanceof AppError && error.code === 'setup_code_invalid') {
      await inTransaction((tx) => tx.audit.append({ action: 'set-up-code-refused', actor: 'anonymous', subject: null, at }));
    }
    throw error;
  }

  return async ({ code, ...draft }, signal) => {
    const digest = codeMaker.digestOf(code);
    const setUp = async (signal: AbortSignal) => {
      const now = clock.now();
      await inTransaction((tx) => requireOpen(tx, digest, now)).catch((error) => refuse(error, now));
      const parsed = parsePerson(draft, { limit: passwords.limit, isCommon: await commonPasswords() });
      if ('refusals' in parsed) throw refusedFields(parsed.refusals);
      const { email, fullName, password } = parsed.person;
      const passwordHash = await passwords.hash(password, signal);
      const user = newAdministrator(uuidv7(now.getTime()), { email, fullName, status: 'active' }, now);
      await inTransaction(async (tx) => {
        await tx.administrators.lock();
        await requireOpen(tx, digest, now);
        await tx.users.insert(user, passwordHash);
        await tx.setUpCodes.removeAll();
        const details = { status: user.status, by: 'set-up-code' };
        await tx.audit.append({ action: 'administrator-created', actor: 'anonymous', subject: user.id, at: now, details });
      });
      return user;
    };
    return await withDeadline(signal, (deadline) => keyedMutex(['set-up'], () => setUp(deadline), deadline));
  };
}
