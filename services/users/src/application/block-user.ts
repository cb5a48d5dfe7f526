import type { Caller } from '@stoa/auth';
import type { Clock } from '@stoa/service';
import { blocked, type User, unblocked } from '../domain/user.ts';
import { lockTarget, requireDispensable } from './administer.ts';
import type { InTransaction } from './ports.ts';

export interface BlockUser {
  /**
   * Ends all of an account's sessions and links, and allows no new ones.
   * @throws 404 `user_not_found`; 403 `permission_denied`, `admin_protected`; 409 `last_admin`.
   */
  block(id: string, by: Caller): Promise<User>;
  /** Makes it what it was before. @throws 404 `user_not_found`; 403 `permission_denied`. */
  unblock(id: string, by: Caller): Promise<User>;
}

export const createBlockUser = ({ inTransaction, clock }: { inTransaction: InTransaction; clock: Clock }): BlockUser => ({
  block: (id, by) =>
    inTransaction(async (tx) => {
      const user = await lockTarget(tx, id, by);
      await requireDispensable(tx, user);
      const now = clock.now();
      const changed = blocked(user, now);
      if (changed === user) return user;
      await tx.users.save(changed);
      await tx.sessions.endAll(id, 'blocked', now);
      await tx.revocations.revokeOlderThan(id, changed.tokenVersion, now);
      await tx.links.useUp(id, now);
      await tx.audit.append({ action: 'user-blocked', actor: by.actor, subject: id, at: now });
      return changed;
    }),
  unblock: (id, by) =>
    inTransaction(async (tx) => {
      const user = await lockTarget(tx, id, by);
      const now = clock.now();
      const changed = unblocked(user, now);
      if (changed === user) return user;
      await tx.users.save(changed);
      await tx.audit.append({ action: 'user-unblocked', actor: by.actor, subject: id, at: now });
      return changed;
    }),
});
