import { createHash, createHmac } from 'node:crypto';
import type { DeriveKey } from '@stoa/service';
import type { LinkTokens } from '../application/credential-ports.ts';

const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/**
 * A token is HMAC-SHA-256 of its request's id: a repeated request gets the same one, and nothing has to store it. Its 256 bits
 * need no key and no salt in their digest, which is taken of the text, so that a token has one spelling.
 */
export function createLinkTokens(derive: DeriveKey): LinkTokens {
  const key = derive('account-link');
  const digest = (token: string) => createHash('sha256').update(token).digest();
  return {
    make(requestId) {
      const token = createHmac('sha256', key).update(requestId).digest('base64url');
      return { token, digest: digest(token) };
    },
    digestOf: (token) => (TOKEN.test(token) ? digest(token) : undefined),
  };
}
