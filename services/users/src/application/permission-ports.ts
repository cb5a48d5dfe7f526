/** Who may do what: roles, service accounts, administrators, and the feed by which every process learns of them. */

import type { IdentityAnswer, IdentityQuestion, PublicKey } from '@stoa/auth';
import type { Role } from '../domain/role.ts';
import type { ServiceAccount } from '../domain/service-account.ts';

/** Roles and what they allow: exists only within a transaction. */
export interface Roles {
  /**
   * The permissions of each of these roles, built-in ones too; none of them is changed or deleted until the transaction ends.
   * A role that is not there is not in the answer.
   */
  hold(names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

/** Writing the roles that are not built in: exists only within a transaction. Every change is announced to all processes. */
export interface OwnRoles {
  /** The role, locked until the transaction ends; this and transactions that hold it for an account (`Roles.hold`) wait for each other. */
  lock(name: string): Promise<Role | undefined>;
  /**
   * @param reservedId of the request. @returns the role as it is now where the same request has made it already.
   * @throws 409 `role_taken`.
   */
  insert(role: Role, now: Date, reservedId: string | undefined): Promise<Role | undefined>;
  save(role: Role): Promise<void>;
  remove(name: string): Promise<void>;
  /** Whether any account has it. */
  isInUse(name: string): Promise<boolean>;
}

/** Reading all roles, built-in ones too, outside any transaction. */
export interface RoleReader {
  find(name: string): Promise<Role | undefined>;
  /** By name, from behind the one named `after`. */
  list(page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Role[]>;
}

/** Makes API keys; no two are the same, but for one id it is always the same one. */
export interface ApiKeys {
  make(id?: string): { readonly apiKey: string; readonly prefix: string; readonly digest: Buffer };
}

/** Writing service accounts: exists only within a transaction. Every change is announced to all processes. */
export interface ServiceAccounts {
  /** @returns whether it is new: not when there is one with its id. @throws 409 `service_account_taken`. */
  insert(account: ServiceAccount, digest: Buffer): Promise<boolean>;
  /** Its row is locked until the transaction ends. */
  lock(id: string): Promise<ServiceAccount | undefined>;
  remove(id: string): Promise<void>;
}

/** Reading service accounts, outside any transaction. */
export interface ServiceAccountReader {
  /** Newest first, from behind the one with id `after`. */
  list(page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly ServiceAccount[]>;
}

/** Who administers Stoa: exists only within a transaction. */
export interface Administrators {
  /**
   * Waits for transactions that make or remove an administrator at this moment, so that one sees what the other has done. To be called
   * first, before the row of an account is locked.
   */
  lock(): Promise<void>;
  /** Whether any account has the role, active or not. */
  exist(): Promise<boolean>;
  /** Whether there is an active one beside this account. */
  existBeside(id: string): Promise<boolean>;
}

/** The one-time codes that the first administrator is made with: exists only within a transaction. */
export interface SetUpCodes {
  add(digest: Buffer, expiresAt: Date): Promise<void>;
  isOpen(digest: Buffer, now: Date): Promise<boolean>;
  removeAll(): Promise<void>;
}

/** Makes these codes: 43 characters of base64url that nobody guesses. */
export interface SetUpCodeMaker {
  make(): { readonly code: string; readonly digest: Buffer };
  digestOf(code: string): Buffer;
}

/** What every process of the system has to know of who has access; see `identity-feed.ts` of @stoa/auth. */
export interface IdentityFeed {
  /** Waits for changes, up to the time that a request is held; at most until the signal. */
  answer(question: IdentityQuestion, signal: AbortSignal): Promise<IdentityAnswer>;
  /** Something has changed: the requests that wait query at once. */
  wake(): void;
  /** The public keys, for others. */
  keys(): Promise<readonly PublicKey[]>;
}
