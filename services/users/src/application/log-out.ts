import type { Clock } from '@stoa/service';
import type { InTransaction } from './ports.ts';

export interface LogOut {
  /** @returns false when it is not a live session of that person. */
  session(userId: string, sessionId: string): Promise<boolean>;
  everywhere(userId: string): Promise<void>;
}

/** Ends sessions, their refresh tokens and their access tokens with them. */
export const createLogOut = ({ inTransaction, clock }: { inTransaction: InTransaction; clock: Clock }): LogOut => ({
  session: (userId, sessionId) =>
    inTransaction(async (tx) => {
      const now = clock.now();
      if (!(await tx.sessions.end(sessionId, userId, 'logged-out', now))) return false;
      const by = { actor: `user:${userId}`, subject: userId, at: now } as const;
      await tx.audit.append({ action: 'logged-out', ...by, details: { session: sessionId } });
      return true;
    }),
  everywhere: (userId) =>
    inTransaction(async (tx) => {
      await tx.users.lock(userId);
      const now = clock.now();
      const sessions = await tx.sessions.endAll(userId, 'logged-out', now);
      await tx.audit.append({ action: 'logged-out-everywhere', actor: `user:${userId}`, subject: userId, at: now, details: { sessions } });
    }),
});
