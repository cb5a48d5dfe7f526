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
import type { UsersSchema } from '../infrastructure/tables.ts';
import { createUsersTx } from '../infrastructure/users-tx.ts';
import { type AddressLimits, createAddressLimits } from '../presentation/address-limits.ts';
import { createFieldRules, type FieldRules } from '../presentation/field-rules.ts';

/** What the parts of this service stand on: each takes what it needs, and adds its use cases and its routes. */
export interface UsersContext extends ServiceContext<UsersConfig, UsersSchema> {
  readonly users: UserReader;
  readonly passwords: Passwords;
  /** The write ports of a transaction. */
  readonly unit: UnitOfWork<UsersSchema, UsersTx>;
  /** In one of its own, for use cases. */
  readonly inTransaction: InTransaction;
  readonly authenticator: Authenticator;
  readonly commonPasswords: ReturnType<typeof createCommonPasswords>;
  /** Of phone numbers without a country. */
  readonly defaultRegion: string | undefined;
  readonly limits: AddressLimits;
  readonly rules: FieldRules;
  readonly cursors: Cursors;
  readonly feed: IdentityFeed;
  readonly signingKeys: SigningKeys;
}

export function createUsersContext(context: ServiceContext<UsersConfig, UsersSchema>): UsersContext {
  const { config, database, log, metrics, clock, derive, identity, limiter } = context;
  const { PHONE_DEFAULT_REGION: defaultRegion } = config;
  const feed = createPgIdentityFeed(database.query, clock);
  const announce = async (): Promise<void> => {
    feed.wake();
    await identity.refresh();
  };
  /** What changes who has access is known here when its caller goes on. */
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
    limits: createAddressLimits(limiter, config),
    rules: createFieldRules({ limit: passwords.limit, commonPasswords, defaultRegion }),
    cursors: createCursors(derive),
    feed,
    signingKeys: createPgSigningKeys(database, derive, clock),
  };
}
