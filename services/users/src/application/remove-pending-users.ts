import type { Clock } from '@stoa/service';
import type { UsersTx } from './ports.ts';

/** A run a minute removes 144,000 accounts a day, and holds its locks for a moment only. */
const BATCH = 100;

export type RemovePendingUsers = (tx: UsersTx) => Promise<void>;

/** Removes accounts that were not activated in time after their last code, so that the address is free again. */
export const createRemovePendingUsers =
  ({ clock, pendingLifeMs }: { clock: Clock; pendingLifeMs: number }): RemovePendingUsers =>
  async ({ users, audit }) => {
    const now = clock.now();
    const removed = await users.removePending(new Date(now.getTime() - pendingLifeMs), BATCH);
    for (const id of removed) await audit.append({ action: 'pending-user-removed', actor: 'system', subject: id, at: now });
  };
