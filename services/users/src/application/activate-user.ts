import type { AppError, Clock } from '@stoa/service';
import { waitForNextCode } from '../domain/activation.ts';
import { activated, type User } from '../domain/user.ts';
import { errors } from '../errors.ts';
import type { UserReader } from './account-ports.ts';
import type { Attempt, CodeMaker, Codes } from './credential-ports.ts';
import type { InTransaction } from './ports.ts';
import { requirePending } from './require-pending.ts';

export interface ActivateUserPorts {
  readonly users: UserReader;
  readonly codes: Codes;
  readonly codeMaker: CodeMaker;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
}

export type ActivateUser = (user: User, code: string) => Promise<User>;

/**
 * Activates the account whose newest code this is. The try is counted before anything is compared. When several right ones come at
 * the same time, one activates: the account becomes active once, under the lock of its row.
 * @throws in this order 403 `account_blocked`; 409 `already_active`; 429 `code_attempts_exhausted`; 410 `code_expired`; 400 `code_invalid`.
 */
export function createActivateUser({ users, codes, codeMaker, inTransaction, clock }: ActivateUserPorts): ActivateUser {
  return async (user, code) => {
    requirePending(user);
    const now = clock.now();
    const attempt = await codes.attempt(user.id, now);
    if (attempt.state !== 'open') throw await refusal(attempt.state, user.id, now);
    const by = { actor: `user:${user.id}`, subject: user.id, at: now } as const;
    if (!codeMaker.matches(code, attempt, user.email)) {
      await inTransaction((tx) => tx.audit.append({ action: 'activation-code-refused', ...by }));
      throw errors.code_invalid();
    }
    return await inTransaction(async (tx) => {
      const current = requirePending(await tx.users.lock(user.id));
      // The code proves the address that it was mailed to, and no other.
      if (current.email !== user.email) throw errors.code_invalid();
      const active = activated(current, now);
      await tx.users.save(active);
      await tx.audit.append({ action: 'user-activated', ...by });
      return active;
    });
  };

  async function refusal(state: Exclude<Attempt['state'], 'open'>, userId: string, now: Date): Promise<AppError> {
    switch (state) {
      case 'exhausted': {
        const waitMs = waitForNextCode(await users.recentRequests(userId), now);
        return errors.code_attempts_exhausted({ retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) });
      }
      case 'expired':
        return errors.code_expired();
      case 'none':
        // The mail is yet to leave. There is nothing to guess, so nothing is counted, and the answer is that of a wrong code.
        return errors.code_invalid();
    }
  }
}
