import { hkdfSync } from 'node:crypto';

/** Derives the key of one purpose. Two purposes never share a key, and no key leads back to the secret. */
export type DeriveKey = (purpose: string) => Buffer;

/**
 * @param secret the installation's `STOA_SECRET`: 32 random bytes, base64.
 * @returns keys of 32 bytes by HKDF-SHA-256 (RFC 5869) with the purpose as `info`.
 * @throws RangeError when the secret is not 32 bytes.
 */
export function createKeys(secret: string): DeriveKey {
  const bytes = Buffer.from(secret, 'base64');
  if (bytes.length !== 32) throw new RangeError('STOA_SECRET must be 32 bytes in base64: `npx stoa secret` prints one');
  return (purpose) => Buffer.from(hkdfSync('sha256', bytes, 'stoa', purpose, 32));
}
