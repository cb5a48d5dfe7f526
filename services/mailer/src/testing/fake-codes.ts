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

export const codeOf = (requestId: string): string =>
  String(Number.parseInt(requestId.replaceAll('-', '').slice(-8), 16) % 10_000).padStart(4, '0');
