import type { AccountLink, LinkPurpose } from '../domain/account-link.ts';
import type { User } from '../domain/user.ts';

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

/** Writing links: exists only within a transaction. Who holds the lock of the account's row decides alone. */
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

/** Wishes for a new password that are looked at after their answer, so that this tells nothing of the account. */
export interface PasswordResets {
  /** @param userId null where nobody has the address. */
  later(userId: string | null): Promise<void>;
}
