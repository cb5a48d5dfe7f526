import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { StoredHash } from '../../domain/imported-hash.ts';

const derive = promisify<string, string, number, ScryptOptions, Buffer>(scrypt);
/** 32 MiB; OpenSSL asks for a little more than that. */
const options = { N: 16_384, r: 16, p: 1, maxmem: 64 * 1_024 * 1_024 };

/** scrypt as Better Auth has it: of the password in NFKC, its salt the bytes of the hexadecimal text. */
export async function verifyByScrypt(password: string, { salt, tag }: Extract<StoredHash, { algorithm: 'scrypt' }>): Promise<boolean> {
  const key = Buffer.from(tag, 'hex');
  return timingSafeEqual(await derive(password.normalize('NFKC'), salt, key.length, options), key);
}
