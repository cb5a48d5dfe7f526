import { availableParallelism } from 'node:os';
import type { Metrics } from '@stoa/service';
import { compare, genSaltSync, hash } from 'bcrypt';
import { Gauge } from 'prom-client';
import type { Passwords } from '../application/ports.ts';
import { fitsTheHash } from '../domain/password-rules.ts';
import { errors } from '../errors.ts';
import { createWorkQueue, WorkRefused } from './work-queue.ts';

/** Who waits longer has been given up by most clients; hashing for them would only delay the next. */
const MAX_WAIT_MS = 10_000;
/** The line moves within seconds; a client that returns sooner would find it as it was. */
const RETRY_AFTER_SECONDS = 5;

export interface BcryptOptions {
  readonly cost: number;
  readonly maxWaiting: number;
  readonly metrics: Metrics;
}

/** bcrypt in libuv's threads, as many hashes at a time as there are cores: more would only slow each other down. */
export function createBcryptPasswords({ cost, maxWaiting, metrics }: BcryptOptions): Passwords {
  const queue = createWorkQueue({ workers: availableParallelism(), maxWaiting, maxWaitMs: MAX_WAIT_MS });
  // Well-formed, so that comparing with it is the full work; no password is known to give it.
  const nobodysHash = `${genSaltSync(cost)}${'.'.repeat(31)}`;
  new Gauge({
    name: 'users_passwords',
    help: 'Passwords being hashed, and those that wait for a free core.',
    labelNames: ['state'],
    registers: [metrics],
    collect() {
      this.set({ state: 'hashing' }, queue.working);
      this.set({ state: 'waiting' }, queue.waiting);
    },
  });

  const run = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    try {
      return await queue.run(work, signal);
    } catch (error) {
      if (!(error instanceof WorkRefused)) throw error;
      throw errors.hashing_busy({ retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
    }
  };

  return {
    async hash(password, signal) {
      if (!fitsTheHash(password)) throw new TypeError('bcrypt would cut this password');
      return await run(() => hash(password, cost), signal);
    },
    async verify(password, passwordHash, signal) {
      // bcrypt would compare the first 72 bytes alone: a longer password is nobody's, at the same cost.
      const whole = fitsTheHash(password);
      const matches = await run(() => compare(whole ? password : '', passwordHash ?? nobodysHash), signal);
      return whole && passwordHash !== undefined && matches;
    },
  };
}
