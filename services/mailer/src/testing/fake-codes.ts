import type { ActivationCodes } from '../activation-codes.ts';

/** Codes as users makes them: the same for the same request; `answers` says who is gone, `away` that nobody answers. */
export function fakeCodes() {
  const gone = new Set<string>();
  const state = { away: false, asked: [] as string[] };
  const codes: ActivationCodes = {
    async mint(requestId) {
      state.asked.push(requestId);
      if (state.away) throw new Error('users is away');
      return gone.has(requestId) ? 'gone' : { code: codeOf(requestId), expiresInSeconds: 60 };
    },
  };
  return { codes, gone, state };
}

/** Eight digits: four would now and then stand by chance in an id or a time, where tests look for what has leaked. */
export const codeOf = (requestId: string): string =>
  String(Number.parseInt(requestId.replaceAll('-', '').slice(-8), 16) % 100_000_000).padStart(8, '0');
