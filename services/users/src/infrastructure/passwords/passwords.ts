import { availableParallelism } from 'node:os';
import type { Logger, Metrics } from '@stoa/service';
import { Gauge } from 'prom-client';
import type { Passwords } from '../../application/credential-ports.ts';
import { type Hasher, type HashParameters, parseHash, type StoredHash, workOf } from '../../domain/imported-hash.ts';
import { BCRYPT_LIMIT, fitsTheHash, LONG_LIMIT } from '../../domain/password-rules.ts';
import { errors } from '../../errors.ts';
import { createWorkQueue, WorkRefused } from '../work-queue.ts';
import { hashByArgon2id, verifyByArgon2id, workByArgon2id } from './argon2id.ts';
import { hashByBcrypt, verifyByBcrypt, workByBcrypt } from './bcrypt.ts';
import { verifyByScrypt } from './scrypt.ts';

/** Most clients give up before a longer wait ends; hashing for them would only delay the next. */
const MAX_WAIT_MS = 10_000;
/** The line moves within seconds; a client that returns sooner would find it as it was. */
const RETRY_AFTER_SECONDS = 5;

export interface PasswordsOptions {
  readonly hasher: Hasher;
  readonly maxWaiting: number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Passwords under one algorithm, with the hashes of all of them read. As many at a time as there are cores, whatever the algorithm:
 * more would only slow each other down.
 *
 * **Equal cost.** A wrong password must not tell whether there is an account. Where there is no hash, one of nobody is computed; where the
 * hash is cheaper than the configured one, what lacks to it is worked off afterwards. A whole second hash would be as telling as none:
 * that account would be the slow one. Within an algorithm the share is known; between two it is by how long this machine was seen to
 * take for each. A right password is not held back, as its answer tells all there is. A dearer hash
 * is slower than nobody's, until the log-in that makes it anew.
 */
export function createPasswords({ hasher, maxWaiting, metrics, log }: PasswordsOptions): Passwords {
  const queue = createWorkQueue({ workers: availableParallelism(), maxWaiting, maxWaitMs: MAX_WAIT_MS });
  const limit = hasher.algorithm === 'bcrypt' ? BCRYPT_LIMIT : LONG_LIMIT;
  /** Milliseconds of each kind of hash, when nothing else slowed it down. */
  const fastest = new Map<string, number>();
  let unreadableSeen = false;
  observe(queue, metrics);

  const run = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    try {
      return await queue.run(work, signal);
    } catch (error) {
      if (!(error instanceof WorkRefused)) throw error;
      throw errors.hashing_busy({ retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
    }
  };

  const timed = async <T>(parameters: HashParameters, work: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    const result = await work();
    const kind = kindOf(parameters);
    fastest.set(kind, Math.min(fastest.get(kind) ?? Number.POSITIVE_INFINITY, performance.now() - begun));
    return result;
  };

  const nobodys = () => timed(hasher, () => workBy(hasher, 1));

  /** What a hash lacks to the configured one, as a share of it; of another algorithm's only once both have been seen. */
  const lackOf = (stored: StoredHash): number => {
    if (stored.algorithm === hasher.algorithm) return Math.max(0, 1 - workOf(stored) / workOf(hasher));
    const [theirs = 0, ours = Number.POSITIVE_INFINITY] = [fastest.get(kindOf(stored)), fastest.get(kindOf(hasher))];
    return Math.max(0, 1 - theirs / ours);
  };

  const read = (hash: string): StoredHash | undefined => {
    const parsed = parseHash(hash);
    if ('value' in parsed) return parsed.value;
    if (!unreadableSeen) log.error('a stored hash cannot be read: its account cannot log in until a new password is set; logged once');
    unreadableSeen = true;
    return undefined;
  };

  return {
    limit,
    async hash(password, signal) {
      if (!fitsTheHash(password, limit)) throw new TypeError(`${hasher.algorithm} would not see all of this password`);
      return await run(() => timed(hasher, () => hashBy(hasher, password)), signal);
    },
    async verify(password, hash, signal) {
      const stored = hash === undefined ? undefined : read(hash);
      const isPossible = fitsTheHash(password, LONG_LIMIT);
      return await run(async () => {
        if (stored === undefined) {
          await nobodys();
          return false;
        }
        if ((await timed(stored, () => verifyBy(isPossible ? password : '', stored))) && isPossible) return true;
        const lack = lackOf(stored);
        if (lack === 1) await nobodys();
        else if (lack > 0) await workBy(hasher, lack);
        return false;
      }, signal);
    },
    needsUpgrade(hash, password) {
      const stored = read(hash);
      if (stored === undefined || !fitsTheHash(password, limit)) return false;
      // Only its first 72 bytes have been proven: what was mistyped after them would count from now on.
      if (stored.algorithm === 'bcrypt' && !fitsTheHash(password, BCRYPT_LIMIT)) return false;
      return stored.algorithm !== hasher.algorithm || workOf(stored) < workOf(hasher);
    },
  };
}

/** Hashes of one kind take as long as each other. */
const kindOf = (parameters: HashParameters): string =>
  parameters.algorithm === 'argon2id'
    ? `argon2id ${parameters.memoryKib} ${parameters.passes} ${parameters.parallelism}`
    : `${parameters.algorithm} ${workOf(parameters)}`;

function hashBy(hasher: Hasher, password: string): Promise<string> {
  return hasher.algorithm === 'bcrypt' ? hashByBcrypt(password, hasher) : hashByArgon2id(password, hasher);
}

function workBy(hasher: Hasher, share: number): Promise<void> {
  return hasher.algorithm === 'bcrypt' ? workByBcrypt(share, hasher) : workByArgon2id(share, hasher);
}

function verifyBy(password: string, stored: StoredHash): Promise<boolean> {
  switch (stored.algorithm) {
    case 'bcrypt':
      return verifyByBcrypt(password, stored);
    case 'argon2id':
      return verifyByArgon2id(password, stored);
    case 'scrypt':
      return verifyByScrypt(password, stored);
  }
}

function observe(queue: { readonly working: number; readonly waiting: number }, metrics: Metrics): void {
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
}
