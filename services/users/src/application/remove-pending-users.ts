import type { Clock } from '@stoa/service';
import type { UsersTx } from './ports.ts';

/** So many in one run: locks are held for a moment only. */
const BATCH = 100;

/** @returns whether there may be more. */
export type RemovePendingUsers = (tx: UsersTx) => Promise<boolean>;

/** Removes accounts that were not activated in time after their last code, so that the address is free again. */
export const createRemovePendingUsers =
  ({ clock, pendingLifeMs }: { clock: Clock; pendingLifeMs: number }): RemovePendingUsers =>
  async ({ users, audit }) => {
    const now = clock.now();
    const removed = await users.removePending(new Date(now.getTime() - pendingLifeMs), BATCH);
    for (const id of removed) await audit.append({ action: 'pending-user-removed', actor: 'system', subject: id, at: now });
    return removed.length === BATCH;
  };
