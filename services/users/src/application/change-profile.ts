import type { Clock } from '@stoa/service';
import { differences, type ProfileDraft, parseProfile, profileChanged } from '../domain/profile.ts';
import type { User } from '../domain/user.ts';
import { refusedFields, taken, tokenInvalid } from '../errors.ts';
import type { UserReader } from './account-ports.ts';
import { requestEmailChange } from './email-change.ts';
import type { InTransaction } from './ports.ts';

export interface ChangeProfilePorts {
  readonly users: UserReader;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly defaultRegion: string | undefined;
}

/** @param requireState throws when the account is not as its person saw it. */
export type ChangeProfile = (id: string, draft: ProfileDraft, requireState: (user: User) => void) => Promise<User>;

/**
 * Changes what a person says of themselves. The address stays as it is until the new one is confirmed: a link goes there, a notice to
 * the old one.
 * @returns the account as it is now.
 * @throws 400 `validation_failed`; 401 `token_invalid`; what `requireState` throws; 409 `email_taken`, `phone_taken`, `login_taken`;
 *   429 `link_budget_spent`, and then nothing is changed.
 */
export function createChangeProfile({ users, inTransaction, clock, defaultRegion }: ChangeProfilePorts): ChangeProfile {
  return async (id, draft, requireState) => {
    const parsed = parseProfile(draft, { defaultRegion });
    if ('refusals' in parsed) throw refusedFields(parsed.refusals);
    const { email, ...change } = parsed.change;
    if (email !== undefined) {
      const user = requireActive(await users.find(id));
      requireState(user);
      const isTaken = email !== user.email && (await users.findTaken({ email, phone: null, login: null })) !== undefined;
      if (isTaken) throw taken('email');
    }
    return await inTransaction(async (tx) => {
      const user = requireActive(await tx.users.lock(id));
      requireState(user);
      const now = clock.now();
      const changed = profileChanged(user, change, now);
      const actor = `user:${id}` as const;
      if (changed !== user) {
        await tx.users.save(changed);
        const fields = differences(user, change);
        await tx.audit.append({ action: 'profile-changed', actor, subject: id, at: now, details: { fields } });
      }
      if (email !== undefined && email !== user.email) await requestEmailChange(tx, changed, email, now, actor);
      return changed;
    });
  };
}

/** The caller was admitted a moment ago. */
function requireActive(user: User | undefined): User {
  if (user?.status !== 'active') throw tokenInvalid();
  return user;
}
