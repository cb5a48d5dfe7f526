import type { Caller } from '@stoa/auth';
import type { Clock } from '@stoa/service';
import { differences, type ProfileDraft, parseProfile, profileChanged } from '../domain/profile.ts';
import type { User } from '../domain/user.ts';
import { refusedFields } from '../errors.ts';
import { lockTarget, type RequireState, requireUnprotected } from './administer.ts';
import { changeEmail, notifyNewAddress } from './email-change.ts';
import { openActivationRequest } from './open-activation-request.ts';
import type { InTransaction, UsersTx } from './ports.ts';

export interface ChangeUserPorts {
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly defaultRegion: string | undefined;
}

export type ChangeUser = (id: string, draft: ProfileDraft, by: Caller, requireState: RequireState) => Promise<User>;

/**
 * Changes an account for its person. A new address counts at once, as an administrator vouches for it; both addresses get a notice. An
 * account that is still pending gets a new code, so that the earlier one proves nothing.
 * @throws 400 `validation_failed`; 404 `user_not_found`; 403 `permission_denied`, `admin_protected`; what `requireState` throws;
 *   409 `email_taken`, `phone_taken`, `login_taken`.
 */
export const createChangeUser =
  ({ inTransaction, clock, defaultRegion }: ChangeUserPorts): ChangeUser =>
  async (id, draft, by, requireState) => {
    const parsed = parseProfile(draft, { defaultRegion });
    if ('refusals' in parsed) throw refusedFields(parsed.refusals);
    const { email, ...change } = parsed.change;
    return await inTransaction(async (tx) => {
      const user = await lockTarget(tx, id, by);
      if (id !== by.userId) requireUnprotected(user);
      requireState(user);
      const now = clock.now();
      const changed = profileChanged(user, change, now);
      if (changed !== user) {
        await tx.users.save(changed);
        const fields = differences(user, change);
        await tx.audit.append({ action: 'user-changed', actor: by.actor, subject: id, at: now, details: { fields } });
      }
      if (email === undefined || email === user.email) return changed;
      const moved = await changeEmail(tx, changed, email, now, by.actor);
      await notifyNewAddress(tx, moved, now);
      if (moved.status === 'pending') await proveAnew(tx, moved, now);
      return moved;
    });
  };

async function proveAnew(tx: UsersTx, user: User, now: Date): Promise<void> {
  const [newest] = await tx.activationRequests.recent(user.id);
  if (newest !== undefined) await openActivationRequest(tx, user, newest.number + 1, now);
}
