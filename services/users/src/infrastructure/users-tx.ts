import type { Messaging } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import type { Transaction } from 'kysely';
import type { InTransaction, UsersTx } from '../application/ports.ts';
import { tellingUsers } from '../application/telling-users.ts';
import { createPasswordResets } from './password-reset-job.ts';
import { createPgAccountLinks } from './pg-account-links.ts';
import { createPgActivationRequests } from './pg-activation-requests.ts';
import { createPgAdministrators, createPgSetUpCodes } from './pg-administrators.ts';
import { createPgAudit } from './pg-audit.ts';
import { createPgImportedUsers } from './pg-imported-users.ts';
import { createPgOwnRoles } from './pg-own-roles.ts';
import { createPgPublicProfiles } from './pg-public-profiles.ts';
import { createPgRevocations } from './pg-revocations.ts';
import { createPgRoles } from './pg-roles.ts';
import { createPgServiceAccounts } from './pg-service-accounts.ts';
import { createPgSessionWriter } from './pg-sessions.ts';
import { createPgUserWriter } from './pg-users.ts';
import type { UsersSchema } from './tables.ts';

type Boxes = Pick<Messaging<UsersSchema>, 'outbox' | 'jobs'>;

/** All write ports on one client. @param onIdentityChange told when who has access is changed by it. */
export function createUsersTx(tx: Transaction<UsersSchema>, boxes: Boxes, onIdentityChange: () => void = () => {}): UsersTx {
  const outbox = boxes.outbox(tx);
  const jobs = boxes.jobs(tx);
  return {
    users: tellingUsers(createPgUserWriter(tx), outbox),
    activationRequests: createPgActivationRequests(tx),
    sessions: createPgSessionWriter(tx, onIdentityChange),
    revocations: createPgRevocations(tx, onIdentityChange),
    links: createPgAccountLinks(tx),
    passwordResets: createPasswordResets(jobs),
    roles: createPgRoles(tx),
    ownRoles: createPgOwnRoles(tx, onIdentityChange),
    serviceAccounts: createPgServiceAccounts(tx, onIdentityChange),
    administrators: createPgAdministrators(tx),
    setUpCodes: createPgSetUpCodes(tx),
    imports: createPgImportedUsers(tx),
    profiles: createPgPublicProfiles(tx, jobs),
    audit: createPgAudit(tx),
    outbox,
  };
}

/** @param announce called after a commit that changed who has access, before its caller goes on. */
export const createInTransaction =
  (database: Database<UsersSchema>, boxes: Boxes, announce: () => Promise<void>): InTransaction =>
  async (work) => {
    let isChanged = false;
    const result = await database.transaction((tx) => work(createUsersTx(tx, boxes, () => (isChanged = true))));
    if (isChanged) await announce();
    return result;
  };
