import { compare, hash } from 'bcrypt';
import type { HashParameters, StoredHash } from '../../domain/imported-hash.ts';
import { BCRYPT_LIMIT, fitsTheHash } from '../../domain/password-rules.ts';

type Parameters = Extract<HashParameters, { algorithm: 'bcrypt' }>;
type Stored = Extract<StoredHash, { algorithm: 'bcrypt' }>;

const MIN_COST = 4;

/** `$2b$…`, in libuv's threads. */
export const hashByBcrypt = (password: string, { cost }: Parameters): Promise<string> => hash(password, cost);

/**
 * A hash of ours is of a whole password of 72 bytes at most, so a longer one is somebody else's. Another system has cut what was longer,
 * and its people go on typing all of it: there the first 72 bytes are compared, as the hash holds no more.
 */
export async function verifyByBcrypt(password: string, { cuts, rest }: Stored): Promise<boolean> {
  const isWhole = cuts || fitsTheHash(password, BCRYPT_LIMIT);
  const bytes = Buffer.from(isWhole ? password : '').subarray(0, BCRYPT_LIMIT.most);
  // `compare` knows the letter b alone, and counts bytes in eight bits under a.
  return (await compare(bytes, `$2b${rest}`)) && isWhole;
}

/** Does `share` (0 to 1) of a hash: each cost is twice the one before, so that a sum of them is any share. */
export async function workByBcrypt(share: number, { cost }: Parameters): Promise<void> {
  const units = Math.round(share * 2 ** (cost - MIN_COST));
  for (let step = 0; step <= cost - MIN_COST; step += 1) if ((units >> step) & 1) await hash('', MIN_COST + step);
}
