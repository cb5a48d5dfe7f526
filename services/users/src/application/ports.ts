/** What a use case does its work in: one transaction with all that commits together, and the audit log in it. Other ports: `*-ports.ts`. */

import type { Actor } from '@stoa/auth';
import type { Outbox } from '@stoa/messaging';
import type { ImportedUsers, PublicProfiles, UserWriter } from './account-ports.ts';
import type { AccountLinks, ActivationRequests, PasswordResets } from './credential-ports.ts';
import type { Administrators, OwnRoles, Roles, ServiceAccounts, SetUpCodes } from './permission-ports.ts';
import type { Revocations, SessionWriter } from './session-ports.ts';

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

/**
 * Runs work one after the other where it shares a key; work without a common key does not wait for each other.
 * An aborted signal takes waiting work out of the line, and throws its reason; work that has begun is left alone.
 */
export type KeyedMutex = <T>(keys: readonly string[], work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

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
  /** Where from, when it was not done by the current request. */
  readonly clientIp?: string | null;
  readonly at: Date;
  /** Ids and names of the system's own things; never personal data, codes, tokens or hashes. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The correlation id is that of the current request or message; so is the client IP, where an entry has none of its own. */
export interface Audit {
  append(entry: AuditEntry): Promise<void>;
  /** What another service did, whose actions are its own. */
  appendOther(entry: AuditEntry<string>): Promise<void>;
}
