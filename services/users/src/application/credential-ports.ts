/** How people prove who they are: passwords, codes and the links of mails. */

import type { AccountLink, LinkPurpose } from '../domain/account-link.ts';
import type { ActivationRequest } from '../domain/activation.ts';
import type { PasswordLimit } from '../domain/password-rules.ts';
import type { User } from '../domain/user.ts';

/** Hashing is slow on purpose: both wait for a free worker, and throw 503 `hashing_busy` when too many do. */
export interface Passwords {
  /** The longest password that can be hashed. */
  readonly limit: PasswordLimit;
  hash(password: string, signal: AbortSignal): Promise<string>;
  /** A failure costs the same whether there is a hash to compare with or not, and however it was made. */
  verify(password: string, hash: string | undefined, signal: AbortSignal): Promise<boolean>;
  /** Whether a password that was right by `hash` should be hashed anew: by another algorithm, or with more work. */
  needsUpgrade(hash: string, password: string): boolean;
}

export interface ActivationRequests {
  /** The newest requests of an account, newest first. */
  recent(userId: string): Promise<readonly ActivationRequest[]>;
  add(request: ActivationRequest): Promise<void>;
}

export interface LiveCode {
  readonly userId: string;
  readonly requestId: string;
  readonly requestNumber: number;
  readonly digest: Buffer;
  readonly expiresAt: Date;
}

export type Attempt =
  | { readonly state: 'open'; readonly requestId: string; readonly digest: Buffer }
  | { readonly state: 'none' | 'expired' | 'exhausted' };

/**
 * The live codes, one per account at most. Written outside every transaction, so that it may be another store than the
 * database; `codes-contract.ts` is what every adapter passes. Both @throws 503 `codes_unavailable` when that store is away.
 */
export interface Codes {
  /**
   * Keeps a code in the place of the account's earlier one. For the request that is kept already only the expiry moves:
   * the tries stay spent. @returns false when a newer request's code is there, or the account is known to be gone.
   */
  keep(code: LiveCode): Promise<boolean>;
  /** Counts a try before anything is compared, so that parallel tries cannot share one. */
  attempt(userId: string, now: Date): Promise<Attempt>;
}

/** Makes a code and its digest from the id of its request and the address that it proves, always the same ones. */
export interface CodeMaker {
  make(requestId: string, email: string): { readonly code: string; readonly digest: Buffer };
  /** Whether it is the code of the attempt, mailed to this address. */
  matches(code: string, attempt: { readonly requestId: string; readonly digest: Buffer }, email: string): boolean;
}

/** Makes the token of a link from the id of its request, always the same one. */
export interface LinkTokens {
  make(requestId: string): { readonly token: string; readonly digest: Buffer };
  /** @returns `undefined` for what cannot be a token. */
  digestOf(token: string): Buffer | undefined;
}

/** Reading links, outside any transaction. */
export interface LinkReader {
  /** The link whose token has this digest, with its account. */
  findByDigest(digest: Buffer): Promise<{ readonly link: AccountLink; readonly user: User } | undefined>;
}

/** Writing links: exists only within a transaction. The holder of the lock of the account's row decides alone. */
export interface AccountLinks {
  add(link: AccountLink): Promise<void>;
  find(id: string): Promise<AccountLink | undefined>;
  /** When the newest links of an account were asked for, newest first. */
  recent(userId: string, purposes: readonly LinkPurpose[]): Promise<readonly Date[]>;
  /** The token was made: its digest, and until when it works. */
  keep(id: string, digest: Buffer, expiresAt: Date): Promise<void>;
  /** Makes the links of an account void, all or those of some purposes, whether their mail has left or not. */
  useUp(userId: string, now: Date, purposes?: readonly LinkPurpose[]): Promise<void>;
}

/** Requests for a new password that are processed after their answer, so that it reveals nothing of the account. */
export interface PasswordResets {
  /** @param userId null where nobody has the address. */
  later(userId: string | null): Promise<void>;
}
