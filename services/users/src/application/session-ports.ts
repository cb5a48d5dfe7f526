/** Sessions, and the tokens that prove them. */

import type { Session, SessionEnd } from '../domain/session.ts';
import type { User } from '../domain/user.ts';

/** A refresh token as it goes to the client, once, and the digest that stays. */
export interface RefreshToken {
  readonly token: string;
  readonly digest: Buffer;
}

/** A refresh token that was made by this installation, whenever that was. */
export interface PresentedToken {
  readonly sessionId: string;
  readonly generation: number;
  readonly digest: Buffer;
  /** The token that takes its place: always the same one. */
  readonly successor: RefreshToken;
}

export interface RefreshTokens {
  /** The first one of a session; no two calls give the same. */
  first(sessionId: string): RefreshToken;
  /** @returns `undefined` for what was never made here. */
  read(token: string): PresentedToken | undefined;
}

/** Access tokens, signed with the key that is in use. */
export interface AccessTokens {
  issue(user: User, sessionId: string, now: Date): Promise<string>;
}

/** Reading and rotating sessions, outside any transaction. */
export interface SessionStore {
  /**
   * Puts the successor in the place of the presented token, in one statement, if that is the newest one of a live session of
   * an active account. @returns the account; `undefined` when any of it is not so.
   */
  rotate(presented: PresentedToken, now: Date, idleMs: number): Promise<User | undefined>;
  /** With its account, and the digest of the refresh token before its newest one. */
  find(id: string): Promise<{ readonly session: Session; readonly user: User; readonly previousDigest: Buffer | null } | undefined>;
  /** The live ones of an account, newest first, from behind the one with id `after`. */
  liveOf(userId: string, now: Date, page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Session[]>;
}

/** Writing sessions: exists only within a transaction. Every end revokes the access tokens too. */
export interface SessionWriter {
  insert(session: Session, refreshDigest: Buffer): Promise<void>;
  /** @returns false when it is not a live session of that account. */
  end(id: string, userId: string, reason: SessionEnd, now: Date): Promise<boolean>;
  /** Whether it is a live session of that account, which then stays live until the transaction ends. */
  lockLive(id: string, userId: string, now: Date): Promise<boolean>;
  /** Ends the live sessions of an account, but for one, under the lock of the account's row. @returns how many. */
  endAll(userId: string, reason: SessionEnd, now: Date, options?: { readonly except?: string }): Promise<number>;
  /** Ends the oldest live sessions of an account, so that `keep` are left, under the lock of the account's row. @returns how many. */
  endOldest(userId: string, reason: SessionEnd, now: Date, keep: number): Promise<number>;
  /** Whether an earlier session of the account came from a device of this name; `undefined` when there was no session at all. */
  knowsDevice(userId: string, device: string): Promise<boolean | undefined>;
}

/** Ends access tokens before they expire. */
export interface Revocations {
  /** All tokens of the account that were issued before this version. */
  revokeOlderThan(userId: string, version: number, now: Date): Promise<void>;
}
