import type { Clock } from '@stoa/service';
import { parseEmailAddress } from '../domain/email-address.ts';
import { refusedFields } from '../errors.ts';
import type { UserReader } from './account-ports.ts';
import type { InTransaction } from './ports.ts';

export interface RequestPasswordResetPorts {
  readonly users: UserReader;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
}

export type RequestPasswordReset = (email: string) => Promise<void>;

/**
 * Stores a request for a new password of the account of an address. It does the same whether there is one, and whatever
 * its state and budget: one look-up, one entry in the audit log, one job. What differs is done by the job.
 * @throws 400 `validation_failed` for what nobody can have as an address.
 */
export const createRequestPasswordReset =
  ({ users, inTransaction, clock }: RequestPasswordResetPorts): RequestPasswordReset =>
  async (email) => {
    const parsed = parseEmailAddress(email);
    if (!('value' in parsed)) throw refusedFields(parsed.refused.map((message) => ({ field: 'email', message })));
    const account = await users.findAccount('email', parsed.value);
    const subject = account?.user.id ?? null;
    await inTransaction(async ({ audit, passwordResets }) => {
      await audit.append({ action: 'password-reset-requested', actor: 'anonymous', subject, at: clock.now() });
      await passwordResets.later(subject);
    });
  };
