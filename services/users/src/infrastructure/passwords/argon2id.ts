import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { HashParameters, StoredHash } from '../../domain/imported-hash.ts';

type Parameters = Extract<HashParameters, { algorithm: 'argon2id' }>;
type Stored = Extract<StoredHash, { algorithm: 'argon2id' }>;

const SALT_BYTES = 16;
const TAG_BYTES = 32;

const derive = promisify(argon2);
/** Node's own argon2 (RFC 9106, v=19), in libuv's threads. */
const tagOf = (password: string, nonce: Buffer, tagLength: number, { memoryKib, passes, parallelism }: Parameters): Promise<Buffer> =>
  derive('argon2id', { message: password, nonce, tagLength, memory: memoryKib, passes, parallelism });

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

/** In the PHC string format, `$argon2id$v=19$m=…,t=…,p=…$salt$tag`. */
export async function hashByArgon2id(password: string, parameters: Parameters): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const tag = await tagOf(password, salt, TAG_BYTES, parameters);
  const { memoryKib, passes, parallelism } = parameters;
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

export async function verifyByArgon2id(password: string, stored: Stored): Promise<boolean> {
  const tag = Buffer.from(stored.tag, 'base64');
  return timingSafeEqual(await tagOf(password, Buffer.from(stored.salt, 'base64'), tag.length, stored), tag);
}

/** Does `share` (0 to 1) of a hash: fewer passes first, as less memory is quicker than its share. */
export async function workByArgon2id(share: number, parameters: Parameters): Promise<void> {
  const passes = Math.max(1, Math.ceil(share * parameters.passes));
  const memoryKib = Math.round((share * parameters.passes * parameters.memoryKib) / passes);
  await tagOf('', randomBytes(SALT_BYTES), TAG_BYTES, {
    ...parameters,
    passes,
    memoryKib: Math.max(8 * parameters.parallelism, memoryKib),
  });
}
