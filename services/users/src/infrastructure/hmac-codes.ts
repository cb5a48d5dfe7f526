import { createHmac, timingSafeEqual } from 'node:crypto';
import type { DeriveKey } from '@stoa/service';
import type { CodeMaker } from '../application/credential-ports.ts';

/**
 * A code is HMAC-SHA-256 of its request's id, cut to `length` digits: a repeated request gets the same one, and nothing has to
 * store it. The digest has a key of its own, and the request's id for salt: without the key it tells nothing about four digits. It
 * covers the address that the code is mailed to: an account that has another one by then is not proven by it.
 */
export function createHmacCodes(derive: DeriveKey, length: number): CodeMaker {
  const codeKey = derive('activation-code');
  const digestKey = derive('activation-code-digest');
  const digestOf = (code: string, requestId: string, email: string) =>
    createHmac('sha256', digestKey).update(`${requestId}:${code}:${email}`).digest();
  return {
    make(requestId, email) {
      // 64 bits, so that the remainder favours no code by more than one in 10^11.
      const number = createHmac('sha256', codeKey).update(requestId).digest().readBigUInt64BE() % 10n ** BigInt(length);
      const code = number.toString().padStart(length, '0');
      return { code, digest: digestOf(code, requestId, email) };
    },
    matches: (code, { requestId, digest }, email) => timingSafeEqual(digestOf(code, requestId, email), digest),
  };
}
