import type { Actor } from '@stoa/auth';
import type { Outbox } from '@stoa/messaging';
import type { ActivationRequest } from '../domain/activation.ts';
import type { PasswordLimit } from '../domain/password-rules.ts';
import type { User } from '../domain/user.ts';
import type { Administrators, SetUpCodes } from './administrator-ports.ts';
import type { ImportedUsers } from './import-ports.ts';
import type { AccountLinks, PasswordResets } from './link-ports.ts';
import type { OwnRoles } from './own-role-ports.ts';
import type { PublicProfiles } from './profile-ports.ts';
import type { Roles } from './role-ports.ts';
import type { ServiceAccounts } from './service-account-ports.ts';
import type { Revocations, SessionWriter } from './session-ports.ts';

/** What no two accounts share, in the order in which a clash is reported. */
export const UNIQUE_FIELDS = ['email', 'phone', 'login'] as const;
export type UniqueField = (typeof UNIQUE_FIELDS)[number];
export type UniqueValues = Pick<User, UniqueField>;

/** An account with the hash that proves who has its password; null where none was set yet. */
export interface Account {
  readonly user: User;
  readonly passwordHash: string | null;
  /** Rises with every new password, not when a hash is merely renewed. */
  readonly passwordVersion: number;
}

/** Reading accounts, outside any transaction. */
export interface UserReader {
  find(id: string): Promise<User | undefined>;
  findAccount(field: UniqueField | 'id', value: string): Promise<Account | undefined>;
  /** The first of `UNIQUE_FIELDS` whose value another account has. */
  findTaken(values: UniqueValues): Promise<UniqueField | undefined>;
  /** A request with its account and the newest request of that account; `undefined` when either is gone. */
  findRequest(
    id: string,
  ): Promise<{ readonly request: ActivationRequest; readonly newest: ActivationRequest; readonly user: User } | undefined>;
  /** The newest requests of an account, newest first. */
  recentRequests(userId: string): Promise<readonly ActivationRequest[]>;
}

/** Writing accounts: exists only within a transaction. */
export interface UserWriter {
  /** @throws 409 naming the taken field, when another account won the race. */
  insert(user: User, passwordHash: string | null): Promise<void>;
  /** The account, its row locked until the transaction ends: what is decided on it is decided one after the other. */
  lock(id: string): Promise<User | undefined>;
  lockAccount(id: string): Promise<Account | undefined>;
  /** For an account that the transaction has locked. @throws 409 naming the taken field. */
  save(user: User): Promise<void>;
  /** The accounts that the transaction has written: as they were under their lock, `undefined` of a new one, and as they are. */
  changes(): readonly { readonly before: User | undefined; readonly now: User }[];
  setPassword(id: string, passwordHash: string): Promise<void>;
  /** Another hash of the same password, unless a new password came first. @returns whether it was stored. */
  replaceHash(id: string, old: string, better: string): Promise<boolean>;
  /** With all that belongs to it. */
  remove(id: string): Promise<void>;
  /** Removes up to `limit` pending accounts whose last code was asked for before `before`. @returns their ids. */
  removePending(before: Date, limit: number): Promise<readonly string[]>;
}

export interface ActivationRequests {
  /** The newest requests of an account, newest first. */
  recent(userId: string): Promise<readonly ActivationRequest[]>;
  add(request: ActivationRequest): Promise<void>;
}

export type AuditAction =
  | 'user-registered'
  | 'activation-code-requested'
  | 'activation-code-refused'
  | 'user-activated'
  | 'pending-user-removed'
  | 'password-reset-requested'
  | 'password-reset'
  | 'password-changed'
  | 'profile-changed'
  | 'email-change-requested'
  | 'email-changed'
  | 'user-changed'
  | 'user-deleted'
  | 'user-blocked'
  | 'user-unblocked'
  | 'roles-changed'
  | 'logged-in'
  | 'log-in-failed'
  | 'set-up-code-refused'
  | 'logged-out'
  | 'logged-out-everywhere'
  | 'sessions-replaced'
  | 'refresh-token-reused'
  | 'signing-key-rotated'
  | 'user-imported'
  | 'role-created'
  | 'role-changed'
  | 'role-deleted'
  | 'service-account-created'
  | 'service-account-deleted'
  | 'administrator-created'
  | 'administrator-appointed'
  | 'administrator-unprotected';

export interface AuditEntry<Action extends string = AuditAction> {
  readonly action: Action;
  readonly actor: Actor;
  /** Id of what it was done to; null when there is no such account. */
  readonly subject: string | null;
  /** Where from, when it was not done by the request in hand. */
  readonly address?: string | null;
  readonly at: Date;
  /** Ids and names of the system's own things; never personal data, codes, tokens or hashes. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The correlation id is that of the request or message in hand; so is the address, where an entry has none of its own. */
export interface Audit {
  append(entry: AuditEntry): Promise<void>;
  /** What another service did, whose actions are its own. */
  appendOther(entry: AuditEntry<string>): Promise<void>;
}

/** Everything that commits together. */
export interface UsersTx {
  readonly users: UserWriter;
  readonly activationRequests: ActivationRequests;
  readonly sessions: SessionWriter;
  readonly revocations: Revocations;
  readonly links: AccountLinks;
  readonly passwordResets: PasswordResets;
  readonly roles: Roles;
  readonly ownRoles: OwnRoles;
  readonly serviceAccounts: ServiceAccounts;
  readonly administrators: Administrators;
  readonly setUpCodes: SetUpCodes;
  readonly imports: ImportedUsers;
  readonly profiles: PublicProfiles;
  readonly audit: Audit;
  readonly outbox: Outbox;
}

export type InTransaction = <T>(work: (tx: UsersTx) => Promise<T>) => Promise<T>;

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

/**
 * Runs work one after the other where it shares a key; work without a common key does not wait for each other.
 * An aborted signal takes waiting work out of the line, and throws its reason; work that has begun is left alone.
 */
export type KeyedMutex = <T>(keys: readonly string[], work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

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
