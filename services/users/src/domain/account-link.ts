import type { User } from './user.ts';

/** What a mailed link is for. */
export type LinkPurpose = 'set-password' | 'reset-password' | 'confirm-email';

/** Both let their holder choose a password: the one for an account that has none yet, the other in the place of its own. */
export const PASSWORD_PURPOSES = ['set-password', 'reset-password'] as const satisfies readonly LinkPurpose[];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long a link works, from the moment its mail leaves. */
export const LINK_LIFE_MS: Readonly<Record<LinkPurpose, number>> = {
  'set-password': 24 * HOUR_MS,
  'reset-password': 30 * MINUTE_MS,
  'confirm-email': 24 * HOUR_MS,
};
/** A mail that waited longer is not sent: its person has asked anew, or left. */
const REQUEST_LIFE_MS = 24 * HOUR_MS;
/** Links of one account, those to passwords and those to addresses counted apart. No setting turns it off. */
export const LINKS_AN_HOUR = 5;

/** One request for a link; the token is derived from its id. */
export interface AccountLink {
  readonly id: string;
  readonly userId: string;
  readonly purpose: LinkPurpose;
  /** The address to confirm; null for the other purposes. */
  readonly email: string | null;
  readonly requestedAt: Date;
  /** Null until its mail leaves. */
  readonly expiresAt: Date | null;
  /** When it was used, or made void by something else. */
  readonly usedAt: Date | null;
}

/** Whether the token of a link may be made: nothing has used it up, its account may use it, and it is young enough. */
export const mayBeMailed = ({ usedAt, requestedAt }: AccountLink, { status }: User, now: Date): boolean =>
  usedAt === null && status !== 'blocked' && now.getTime() - requestedAt.getTime() < REQUEST_LIFE_MS;

/** What a link whose token somebody has is worth. A blocked account's is worth nothing. */
export function stateOf({ usedAt, expiresAt }: AccountLink, { status }: User, now: Date): 'open' | 'expired' | 'invalid' {
  if (usedAt !== null || expiresAt === null || status === 'blocked') return 'invalid';
  return expiresAt > now ? 'open' : 'expired';
}

/**
 * Milliseconds until the account may ask for another link; 0 when it may now.
 * @param recent when its newest links were asked for, newest first, at least `LINKS_AN_HOUR` where it has as many.
 */
export function waitForNextLink(recent: readonly Date[], now: Date): number {
  const oldest = recent[LINKS_AN_HOUR - 1];
  return oldest === undefined ? 0 : Math.max(0, oldest.getTime() + HOUR_MS - now.getTime());
}
