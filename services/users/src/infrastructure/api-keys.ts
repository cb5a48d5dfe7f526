import { createHash, randomBytes } from 'node:crypto';
import { API_KEY_PREFIX } from '@stoa/auth';
import type { ApiKeys } from '../application/service-account-ports.ts';

const SHOWN_CHARACTERS = 12;

/** `stoa_sk_` and 256 random bits, which need no key and no salt in their digest. The guards of @stoa/auth take the same one. */
export const apiKeys: ApiKeys = {
  make() {
    const apiKey = `${API_KEY_PREFIX}${randomBytes(32).toString('base64url')}`;
    return { apiKey, prefix: apiKey.slice(0, SHOWN_CHARACTERS), digest: createHash('sha256').update(apiKey).digest() };
  },
};
