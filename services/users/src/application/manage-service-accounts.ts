import type { Caller } from '@stoa/auth';
import { PERMISSIONS } from '@stoa/contracts';
import { type Clock, uuidv7 } from '@stoa/service';
import { expiryRefusals, type ServiceAccount } from '../domain/service-account.ts';
import { errors, refusedFields } from '../errors.ts';
import { requireAll } from './administer.ts';
import type { ApiKeys } from './permission-ports.ts';
import type { InTransaction } from './ports.ts';

export interface ServiceAccountDraft {
  readonly name: string;
  readonly permissions: readonly string[];
  /** ISO 8601; absent: it does not expire. */
  readonly expiresAt?: string | null;
}

export interface ManageServiceAccounts {
  /**
   * @param reservedId the account's, where the request may be repeated: one that is there already is the answer, with its key.
   * @returns the key too, which nobody is shown again.
   * @throws 403 `permission_denied`; 400 `validation_failed`; 409 `service_account_taken`.
   */
  create(
    draft: ServiceAccountDraft,
    by: Caller,
    reservedId?: string,
  ): Promise<{ readonly account: ServiceAccount; readonly apiKey: string }>;
  /** @throws 404 `service_account_not_found`; 403 `permission_denied`. */
  delete(id: string, by: Caller): Promise<void>;
}

export interface ManageServiceAccountsPorts {
  readonly inTransaction: InTransaction;
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
}

const MORE_THAN_YOURS = 'This service account has permissions that you do not have.';

/** Accounts of other back ends. Nobody makes or deletes one with permissions that they do not have themselves. */
export function createManageServiceAccounts({ inTransaction, apiKeys, clock }: ManageServiceAccountsPorts): ManageServiceAccounts {
  return {
    async create({ name: typed, permissions: wanted, expiresAt: until = null }, by, reservedId) {
      requireAll(by, wanted, MORE_THAN_YOURS);
      const earlier = reservedId === undefined ? undefined : await inTransaction((tx) => tx.serviceAccounts.lock(reservedId));
      // Made by a try whose answer was lost: what was allowed then, an expiry for example, may not be allowed any more.
      if (earlier !== undefined) return { account: earlier, apiKey: apiKeys.make(earlier.id).apiKey };
      const now = clock.now();
      const name = typed.trim();
      const refusals = expiryRefusals(until, now);
      if (refusals.length > 0) throw refusedFields(refusals);
      const expiresAt = until === null ? null : new Date(until);
      const { apiKey, prefix, digest } = apiKeys.make(reservedId);
      const permissions = PERMISSIONS.filter((permission) => wanted.includes(permission));
      const id = reservedId ?? uuidv7(now.getTime());
      const account = { id, name, prefix, permissions, createdAt: now, expiresAt, lastUsedAt: null };
      const made = await inTransaction(async (tx) => {
        // Another try was faster.
        if (!(await tx.serviceAccounts.insert(account, digest))) return await tx.serviceAccounts.lock(id);
        const details = { name, prefix, permissions, expiresAt: expiresAt?.toISOString() ?? null };
        await tx.audit.append({ action: 'service-account-created', actor: by.actor, subject: id, at: now, details });
        return account;
      });
      return { account: made ?? account, apiKey };
    },
    async delete(id, by) {
      await inTransaction(async (tx) => {
        const account = await tx.serviceAccounts.lock(id);
        if (account === undefined) throw errors.service_account_not_found();
        requireAll(by, account.permissions, MORE_THAN_YOURS);
        await tx.serviceAccounts.remove(id);
        const { name, prefix } = account;
        await tx.audit.append({
          action: 'service-account-deleted',
          actor: by.actor,
          subject: id,
          at: clock.now(),
          details: { name, prefix },
        });
      });
    },
  };
}
