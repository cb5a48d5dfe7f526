import type { Clock } from '@stoa/service';
import { unprotected } from '../domain/administrator.ts';
import { parseEmailAddress } from '../domain/email-address.ts';
import type { UserReader } from './account-ports.ts';
import type { InTransaction } from './ports.ts';

/** `unknown`: there is no such account; `not-protected`: nothing was left to do. */
export type Unprotected = 'done' | 'unknown' | 'not-protected';

export type UnprotectAdministrator = (email: string) => Promise<Unprotected>;

/** Removes the protection of an administrator, who stays one: from then on others can demote, block or delete the account. */
export const createUnprotectAdministrator =
  ({ users, inTransaction, clock }: { users: UserReader; inTransaction: InTransaction; clock: Clock }): UnprotectAdministrator =>
  async (typed) => {
    const parsed = parseEmailAddress(typed);
    const known = 'value' in parsed ? await users.findAccount('email', parsed.value) : undefined;
    if (known === undefined) return 'unknown';
    return await inTransaction(async (tx) => {
      await tx.administrators.lock();
      const user = await tx.users.lock(known.user.id);
      if (user === undefined) return 'unknown';
      if (!user.protected) return 'not-protected';
      const now = clock.now();
      await tx.users.save(unprotected(user, now));
      await tx.audit.append({ action: 'administrator-unprotected', actor: 'command-line', subject: user.id, at: now });
      return 'done';
    });
  };
