import { createHash } from 'node:crypto';
import type { Secrets } from '../secrets.ts';

/** Secrets as users makes them: the same for the same request; `gone`: requests no longer wanted; `away`: users does not answer. */
export function fakeSecrets() {
  const gone = new Set<string>();
  const state = { away: false, asked: [] as string[] };
  const secrets: Secrets = {
    async mint({ kind, requestId }) {
      state.asked.push(requestId);
      if (state.away) throw new Error('users is away');
      if (gone.has(requestId)) return 'gone';
      return kind === 'code' ? { value: codeOf(requestId), expiresInSeconds: 60 } : { value: tokenOf(requestId), expiresInSeconds: 1_800 };
    },
  };
  return { secrets, gone, state };
}

/** Eight digits: four would now and then stand by chance in an id or a time, where tests look for what has leaked. */
export const codeOf = (requestId: string): string =>
  String(Number.parseInt(requestId.replaceAll('-', '').slice(-8), 16) % 100_000_000).padStart(8, '0');

/** 43 characters, as those of users. */
export const tokenOf = (requestId: string): string => createHash('sha256').update(requestId).digest('base64url');
