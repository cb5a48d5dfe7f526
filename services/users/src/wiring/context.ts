import { type Cursors, createCursors } from '@stoa/http';
import { type ServiceContext, type UnitOfWork, unitOfWork } from '@stoa/kit';
import type { UserReader } from '../application/account-ports.ts';
import { type Authenticator, createAuthenticator } from '../application/authenticate.ts';
import type { Passwords } from '../application/credential-ports.ts';
import type { IdentityFeed } from '../application/permission-ports.ts';
import type { InTransaction, UsersTx } from '../application/ports.ts';
import { publishChangedProfiles } from '../application/publish-changed-profiles.ts';
import { hasherOf, type UsersConfig } from '../config.ts';
import { createCommonPasswords } from '../infrastructure/common-passwords.ts';
import { createPasswords } from '../infrastructure/passwords/passwords.ts';
import { createPgIdentityFeed } from '../infrastructure/pg-identity-feed.ts';
import { createPgSigningKeys, type SigningKeys } from '../infrastructure/pg-signing-keys.ts';
import { createPgUserReader } from '../infrastructure/pg-users.ts';
import type { UsersTables } from '../infrastructure/tables.ts';
import { createUsersTx } from '../infrastructure/users-tx.ts';
import { type ClientIpLimits, createClientIpLimits } from '../presentation/client-ip-limits.ts';
import { createFieldRules, type FieldRules } from '../presentation/field-rules.ts';

/** What the parts of this service share: each takes what it needs, and adds its use cases and its routes. */
export interface UsersContext extends ServiceContext<UsersConfig, UsersTables> {
  readonly users: UserReader;
  readonly passwords: Passwords;
  /** The write ports of a transaction. */
  readonly unit: UnitOfWork<UsersTables, UsersTx>;
  /** In one of its own, for use cases. */
  readonly inTransaction: InTransaction;
  readonly authenticator: Authenticator;
  readonly commonPasswords: ReturnType<typeof createCommonPasswords>;
  /** Of phone numbers without a country. */
  readonly defaultRegion: string | undefined;
  readonly limits: ClientIpLimits;
  readonly rules: FieldRules;
  readonly cursors: Cursors;
  readonly feed: IdentityFeed;
  readonly signingKeys: SigningKeys;
}

export function createUsersContext(context: ServiceContext<UsersConfig, UsersTables>): UsersContext {
  const { config, database, log, metrics, clock, derive, identity, limiter } = context;
  const { PHONE_DEFAULT_REGION: defaultRegion } = config;
  const feed = createPgIdentityFeed(database.query, clock);
  const announce = async (): Promise<void> => {
    feed.wake();
    await identity.refresh();
  };
  /** A change of access is known here when its caller goes on. */
  const unit = unitOfWork(database, (tx) => createUsersTx(tx, context, () => database.afterCommit(tx, announce)), publishChangedProfiles);
  const inTransaction = unit.run;
  const users = createPgUserReader(database.query);
  const passwords = createPasswords({ hasher: hasherOf(config), maxWaiting: config.HASH_QUEUE_MAX, metrics, log });
  const commonPasswords = createCommonPasswords();
  return {
    ...context,
    users,
    passwords,
    unit,
    inTransaction,
    authenticator: createAuthenticator({ users, passwords, inTransaction, clock, defaultRegion }),
    commonPasswords,
    defaultRegion,
    limits: createClientIpLimits(limiter, config),
    rules: createFieldRules({ limit: passwords.limit, commonPasswords, defaultRegion }),
    cursors: createCursors(derive),
    feed,
    signingKeys: createPgSigningKeys(database, derive, clock),
  };
}
