import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface Sealing {
  /** Encrypts; `context` says what the bytes belong to, and they open with the same one alone. */
  seal(plain: Buffer, context: string): Buffer;
  /** @throws Error when the bytes were changed, or sealed with another key or context. */
  open(sealed: Buffer, context: string): Buffer;
}

/** AES-256-GCM with a random nonce before and the tag behind the bytes. @param key 32 bytes, derived for this purpose alone. */
export function createSealing(key: Buffer): Sealing {
  return {
    seal(plain, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    },
  };
}
