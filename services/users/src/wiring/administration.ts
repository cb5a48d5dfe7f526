import { unitOfWork } from '@stoa/kit';
import { createMessageWriters } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import { type Clock, createContext, createMetrics, type DeriveKey, type Logger, runInContext, type Seeding } from '@stoa/service';
import type { Transaction } from 'kysely';
import { createImportUsers, type ImportUsers } from '../application/import-users.ts';
import { createIssueSetUpCode, type IssueSetUpCode } from '../application/issue-set-up-code.ts';
import { createMakeAdministrator, type MadeAdministrator } from '../application/make-administrator.ts';
import { publishChangedProfiles } from '../application/publish-changed-profiles.ts';
import { createUnprotectAdministrator, type Unprotected } from '../application/unprotect-administrator.ts';
import { hasherOf, type UsersConfig } from '../config.ts';
import { createLinkTokens } from '../infrastructure/account-links.ts';
import { createCommonPasswords } from '../infrastructure/common-passwords.ts';
import { createPasswords } from '../infrastructure/passwords/passwords.ts';
import { createPgSigningKeys } from '../infrastructure/pg-signing-keys.ts';
import { createPgUserReader } from '../infrastructure/pg-users.ts';
import { seedUsers } from '../infrastructure/seed-users.ts';
import { setUpCodeMaker as codeMaker } from '../infrastructure/set-up-codes.ts';
import type { UsersTables } from '../infrastructure/tables.ts';
import { createUsersTx } from '../infrastructure/users-tx.ts';

export interface AdministrationDeps {
  readonly config: UsersConfig;
  readonly database: Database<UsersTables>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly derive: DeriveKey;
}

/** What an operator does to the accounts by command line, whether the service runs or not. */
export interface UsersAdministration {
  /** See `make-administrator.ts`. */
  makeAdministrator(email: string, password: string | undefined): Promise<MadeAdministrator>;
  unprotect(email: string): Promise<Unprotected>;
  /** See `import-users.ts`. */
  importUsers: ImportUsers;
  issueSetUpCode: IssueSetUpCode;
  /** Has another key sign as soon as every process knows it; nobody is logged out. */
  rotateKeys(): Promise<{ readonly kid: string; readonly signsFrom: Date }>;
}

/**
 * The use cases of the service on its database, without a running one: events wait in the outbox for it, and it sees changes of
 * access within half a second.
 */
export function createUsersAdministration({ config, database, log, clock, derive }: AdministrationDeps): UsersAdministration {
  const writers = createMessageWriters('users', database);
  const unit = unitOfWork(database, (tx: Transaction<UsersTables>) => createUsersTx(tx, writers), publishChangedProfiles);
  const inTransaction = unit.run;
  const users = createPgUserReader(database.query);
  const signingKeys = createPgSigningKeys(database, derive, clock);
  const passwords = createOwnPasswords({ config, log });
  const linkTokens = createLinkTokens(derive);
  const commonPasswords = createCommonPasswords();
  const makeAdministrator = createMakeAdministrator({ users, passwords, inTransaction, linkTokens, clock, commonPasswords });
  const unprotect = createUnprotectAdministrator({ users, inTransaction, clock });
  const importUsers = createImportUsers({ inTransaction, clock, defaultRegion: config.PHONE_DEFAULT_REGION });

  const rotateKeys = async () => {
    await signingKeys.ensure();
    return await database.transaction(async (tx) => {
      const key = await signingKeys.rotate(tx);
      const details = { signsFrom: key.signsFrom.toISOString() };
      const entry = { action: 'signing-key-rotated', actor: 'command-line', subject: key.kid, at: clock.now(), details } as const;
      await unit.in(tx, ({ audit }) => audit.append(entry));
      return key;
    });
  };

  /** One correlation id for all that a command does. */
  const inContext = <T>(work: () => Promise<T>) => runInContext(createContext(), work);
  return {
    makeAdministrator: (email, password) => inContext(() => makeAdministrator(email, password)),
    unprotect: (email) => inContext(() => unprotect(email)),
    importUsers: (lines, refuse) => inContext(() => importUsers(lines, refuse)),
    issueSetUpCode: createIssueSetUpCode({ codeMaker, inTransaction, clock }),
    rotateKeys: () => inContext(rotateKeys),
  };
}

/** Of every seeded account, for trying something out. */
const SEEDED_PASSWORD = 'a password for trying out';

/** `stoa seed --users N`. */
export async function seed({ database, clock, ...deps }: AdministrationDeps, seeding: Seeding): Promise<string> {
  const passwordHash = await createOwnPasswords(deps).hash(SEEDED_PASSWORD, new AbortController().signal);
  const email = await seedUsers(database, { ...seeding, passwordHash, now: clock.now() });
  return `Each account has the password "${SEEDED_PASSWORD}"; one is ${email}`;
}

/** Those of a command: nobody asks for their metrics. */
const createOwnPasswords = ({ config, log }: Pick<AdministrationDeps, 'config' | 'log'>) =>
  createPasswords({ hasher: hasherOf(config), maxWaiting: config.HASH_QUEUE_MAX, metrics: createMetrics(), log });
