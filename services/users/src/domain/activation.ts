import type { User } from './user.ts';

/** Three wrong tries end a code: with ten codes a day, 0.3 % a day for one who guesses four digits. */
export const TRIES_PER_CODE = 3;
/** A mail that waited longer says nothing any more: its person has asked anew, or left. */
export const REQUEST_LIFE_MS = 15 * 60_000;
/** Codes of one account, the registration's among them. No setting turns them off. */
const BUDGETS = [
  { codes: 5, withinMs: 3_600_000 },
  { codes: 10, withinMs: 86_400_000 },
] as const;

/** How many of an account's newest requests decide whether it may have another one. */
export const REQUESTS_THAT_COUNT = Math.max(...BUDGETS.map(({ codes }) => codes));

/** One request for a code; the code is derived from its id. */
export interface ActivationRequest {
  readonly id: string;
  readonly userId: string;
  /** 1 for the registration's, then rising by one: which of two requests is the newer. */
  readonly number: number;
  readonly requestedAt: Date;
}

/**
 * Milliseconds until the account may ask for another code; 0 when it may now.
 * @param recent the account's newest requests, newest first, at least `REQUESTS_THAT_COUNT` where it has as many.
 */
export function waitForNextCode(recent: readonly ActivationRequest[], now: Date): number {
  const waits = BUDGETS.map(({ codes, withinMs }) => {
    const oldest = recent[codes - 1];
    return oldest === undefined ? 0 : oldest.requestedAt.getTime() + withinMs - now.getTime();
  });
  return Math.max(0, ...waits);
}

/** Whether a code of `request` may still be made: it is the newest of a pending account, and young enough. */
export const mayBeMinted = (request: ActivationRequest, user: User, newest: ActivationRequest, now: Date): boolean =>
  user.status === 'pending' && newest.id === request.id && now.getTime() - request.requestedAt.getTime() < REQUEST_LIFE_MS;
