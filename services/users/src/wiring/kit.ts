import { type Cursors, createCursors, type Http } from '@stoa/http';
import { createServiceHttp, type ServiceDeps } from '@stoa/kit';
import type { Messaging } from '@stoa/messaging';
import type { HealthPart } from '@stoa/service';
import { type Authenticator, createAuthenticator } from '../application/authenticate.ts';
import type { IdentityFeed } from '../application/identity-feed.ts';
import type { InTransaction, Passwords, UserReader } from '../application/ports.ts';
import { hasherOf, type UsersConfig } from '../config.ts';
import { ownErrors } from '../errors.ts';
import { createCommonPasswords } from '../infrastructure/common-passwords.ts';
import { createPasswords } from '../infrastructure/passwords/passwords.ts';
import { createPgIdentityFeed } from '../infrastructure/pg-identity-feed.ts';
import { createPgSigningKeys, type SigningKeys } from '../infrastructure/pg-signing-keys.ts';
import { createPgUserReader } from '../infrastructure/pg-users.ts';
import type { UsersSchema } from '../infrastructure/tables.ts';
import { createInTransaction } from '../infrastructure/users-tx.ts';
import { type AddressLimits, createAddressLimits } from '../presentation/address-limits.ts';
import { createFieldRules, type FieldRules } from '../presentation/field-rules.ts';
import { tags } from '../presentation/tags.ts';

export type KitDeps = Omit<ServiceDeps<UsersConfig, UsersSchema>, 'locate' | 'broker' | 'runsBackgroundWork' | 'instanceId'>;

/** What the parts of this service stand on: each takes what it needs, adds its use cases and its routes. */
export interface Kit extends KitDeps {
  readonly http: Http;
  readonly users: UserReader;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly authenticator: Authenticator;
  readonly limits: AddressLimits;
  readonly rules: FieldRules;
  readonly cursors: Cursors;
  readonly feed: IdentityFeed;
  readonly signingKeys: SigningKeys;
}

export async function createKit(
  deps: KitDeps,
  messaging: Pick<Messaging<UsersSchema>, 'outbox' | 'jobs'>,
  health: () => Promise<readonly HealthPart[]>,
): Promise<Kit> {
  const { config, database, log, metrics, clock, derive, identity, limiter } = deps;
  const http = await createServiceHttp(deps, {
    name: 'users',
    health,
    title: 'Stoa users',
    description: 'Accounts.',
    version: '1',
    errors: ownErrors,
    tags,
  });

  const feed = createPgIdentityFeed(database.query, clock);
  const inTransaction = createInTransaction(database, messaging, async () => {
    feed.wake();
    await identity.refresh();
  });
  const users = createPgUserReader(database.query);
  const passwords = createPasswords({ hasher: hasherOf(config), maxWaiting: config.HASH_QUEUE_MAX, metrics, log });
  return {
    ...deps,
    http,
    users,
    passwords,
    inTransaction,
    authenticator: createAuthenticator({ users, passwords, inTransaction, clock, defaultRegion: config.PHONE_DEFAULT_REGION }),
    limits: createAddressLimits(limiter, config),
    rules: createFieldRules({
      limit: passwords.limit,
      commonPasswords: createCommonPasswords(),
      defaultRegion: config.PHONE_DEFAULT_REGION,
    }),
    cursors: createCursors(derive),
    feed,
    signingKeys: createPgSigningKeys(database, derive, clock),
  };
}
