import type { Clock } from '@stoa/service';
import { waitForNextCode } from '../domain/activation.ts';
import { codeRequested, type User } from '../domain/user.ts';
import { errors } from '../errors.ts';
import { openActivationRequest } from './open-activation-request.ts';
import type { InTransaction } from './ports.ts';
import { requirePending } from './require-pending.ts';

export interface RequestActivationCodePorts {
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
}

export type RequestActivationCode = (user: User) => Promise<void>;

/**
 * Has another code mailed. Budget and request are decided under the lock of the account's row, so that parallel requests
 * cannot share one place in the budget.
 * @throws 403 `account_blocked`; 409 `already_active`; 429 `code_budget_spent`.
 */
export const createRequestActivationCode =
  ({ inTransaction, clock }: RequestActivationCodePorts): RequestActivationCode =>
  ({ id }) =>
    inTransaction(async (tx) => {
      const user = requirePending(await tx.users.lock(id));
      const recent = await tx.activationRequests.recent(id);
      const now = clock.now();
      const waitMs = waitForNextCode(recent, now);
      if (waitMs > 0) throw errors.code_budget_spent({ retryAfterSeconds: Math.ceil(waitMs / 1_000) });
      await tx.users.save(codeRequested(user, now));
      await tx.audit.append({ action: 'activation-code-requested', actor: `user:${id}`, subject: id, at: now });
      await openActivationRequest(tx, user, (recent[0]?.number ?? 0) + 1, now);
    });
