import { createHash, createHmac, randomBytes } from 'node:crypto';
import { API_KEY_PREFIX } from '@stoa/auth';
import type { DeriveKey } from '@stoa/service';
import type { ApiKeys } from '../application/permission-ports.ts';

const SHOWN_CHARACTERS = 12;

/**
 * `stoa_sk_` and 256 bits that nobody can guess, which need no key and no salt in their digest. The guards of @stoa/auth take the same one.
 * A request that may be repeated has them computed from its account's id, so that its repeat can show them though they are stored nowhere.
 */
export function createApiKeys(derive: DeriveKey): ApiKeys {
  const key = derive('api-key');
  return {
    make(id) {
      const bits = id === undefined ? randomBytes(32) : createHmac('sha256', key).update(id).digest();
      const apiKey = `${API_KEY_PREFIX}${bits.toString('base64url')}`;
      return { apiKey, prefix: apiKey.slice(0, SHOWN_CHARACTERS), digest: createHash('sha256').update(apiKey).digest() };
    },
  };
}
