import type { Caller } from '@stoa/auth';
import { userDeleted } from '@stoa/contracts';
import type { Clock } from '@stoa/service';
import { lockTarget, type RequireState, requireDispensable, requireUnprotected } from './administer.ts';
import type { InTransaction } from './ports.ts';

export type DeleteUser = (id: string, by: Caller, requireState: RequireState) => Promise<void>;

/**
 * Removes an account with all that belongs to it, ends its tokens, and publishes this to the other services.
 * @throws 404 `user_not_found`; 403 `permission_denied`, `admin_protected`; what `requireState` throws; 409 `last_admin`.
 */
export const createDeleteUser =
  ({ inTransaction, clock }: { inTransaction: InTransaction; clock: Clock }): DeleteUser =>
  (id, by, requireState) =>
    inTransaction(async (tx) => {
      const user = await lockTarget(tx, id, by);
      requireUnprotected(user);
      requireState(user);
      await requireDispensable(tx, user);
      const now = clock.now();
      await tx.revocations.revokeOlderThan(id, user.tokenVersion + 1, now);
      await tx.users.remove(id);
      await tx.outbox.append(userDeleted, { userId: id, deletedAt: now.toISOString() });
      await tx.audit.append({ action: 'user-deleted', actor: by.actor, subject: id, at: now });
    });
