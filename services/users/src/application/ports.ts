import type { Outbox } from '@stoa/messaging';
import type { ActivationRequest } from '../domain/activation.ts';
import type { User } from '../domain/user.ts';

/** What no two accounts share, in the order in which a clash is reported. */
export const UNIQUE_FIELDS = ['email', 'phone', 'login'] as const;
export type UniqueField = (typeof UNIQUE_FIELDS)[number];
export type UniqueValues = Pick<User, UniqueField>;

/** Reading accounts, outside any transaction. */
export interface UserReader {
  findWithPassword(email: string): Promise<{ readonly user: User; readonly passwordHash: string } | undefined>;
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
  insert(user: User, passwordHash: string): Promise<void>;
  /** The account, its row locked until the transaction ends: what is decided on it is decided one after the other. */
  lock(id: string): Promise<User | undefined>;
  save(user: User): Promise<void>;
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
  | 'pending-user-removed';

export interface AuditEntry {
  readonly action: AuditAction;
  readonly actor: 'anonymous' | 'system' | `user:${string}`;
  readonly subject: string;
  readonly at: Date;
}

/** Address and correlation id are those of the request in hand. */
export interface Audit {
  append(entry: AuditEntry): Promise<void>;
}

/** Everything that commits together. */
export interface UsersTx {
  readonly users: UserWriter;
  readonly activationRequests: ActivationRequests;
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
 * database; `codes-contract.ts` is what every adapter passes.
 */
export interface Codes {
  /**
   * Keeps a code in the place of the account's earlier one. For the request that is kept already only the expiry moves:
   * the tries stay spent. @returns false when a newer request's code is there, or the account is gone.
   */
  keep(code: LiveCode): Promise<boolean>;
  /** Counts a try before anything is compared, so that parallel tries cannot share one. */
  attempt(userId: string, now: Date): Promise<Attempt>;
}

/** Makes a code and its digest from the id of its request, always the same ones. */
export interface CodeMaker {
  make(requestId: string): { readonly code: string; readonly digest: Buffer };
  matches(code: string, attempt: { readonly requestId: string; readonly digest: Buffer }): boolean;
}

/**
 * Runs work one after the other where it shares a key; work without a common key does not wait for each other.
 * An aborted signal takes waiting work out of the line, and throws its reason; work that has begun is left alone.
 */
export type OneByOne = <T>(keys: readonly string[], work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** Hashing is slow on purpose: both wait for a free worker, and throw 503 `hashing_busy` when too many do. */
export interface Passwords {
  hash(password: string, signal: AbortSignal): Promise<string>;
  /** Costs the same whether there is a hash to compare with or not. */
  verify(password: string, hash: string | undefined, signal: AbortSignal): Promise<boolean>;
}
