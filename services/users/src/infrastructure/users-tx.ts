import type { MessageWriters } from '@stoa/messaging';
import type { Transaction } from 'kysely';
import type { UsersTx } from '../application/ports.ts';
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
import type { UsersTables } from './tables.ts';

/** All write ports on one transaction. @param onIdentityChange called when it changes who has access. */
export function createUsersTx(
  tx: Transaction<UsersTables>,
  writers: Pick<MessageWriters<UsersTables>, 'outbox' | 'jobs'>,
  onIdentityChange: () => void = () => {},
): UsersTx {
  const outbox = writers.outbox(tx);
  const jobs = writers.jobs(tx);
  return {
    users: createPgUserWriter(tx),
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
