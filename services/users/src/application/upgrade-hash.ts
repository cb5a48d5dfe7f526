import { AppError, type Logger } from '@stoa/service';
import { normalizePassword } from '../domain/password-rules.ts';
import type { Passwords } from './credential-ports.ts';
import type { InTransaction } from './ports.ts';

export interface UpgradeHashPorts {
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly log: Logger;
}

export type UpgradeHash = (userId: string, password: string, hash: string, signal: AbortSignal) => Promise<void>;

/**
 * Renews a hash that is older than the configuration, while its password is known: after a log-in. Another password in the
 * meantime stays. The log-in has succeeded already and nothing here fails it: what could not be done is for the next one.
 */
export function createUpgradeHash({ passwords, inTransaction, log }: UpgradeHashPorts): UpgradeHash {
  /** A person who logs in on many devices at a time needs one new hash, not one each. */
  const upgrading = new Set<string>();
  return async (userId, typed, hash, signal) => {
    const password = normalizePassword(typed);
    if (upgrading.has(userId) || !passwords.needsUpgrade(hash, password)) return;
    upgrading.add(userId);
    try {
      const better = await passwords.hash(password, signal);
      await inTransaction((tx) => tx.users.replaceHash(userId, hash, better));
    } catch (error) {
      const isExpected = signal.aborted || (error instanceof AppError && error.code === 'hashing_busy');
      if (!isExpected) log.warn({ err: error, userId }, 'a hash could not be made anew; the next log-in tries again');
    } finally {
      upgrading.delete(userId);
    }
  };
}
