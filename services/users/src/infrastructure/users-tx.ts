import type { Messaging } from '@stoa/messaging';
import type { Transaction } from 'kysely';
import type { UsersTx } from '../application/ports.ts';
import { createPgActivationRequests } from './pg-activation-requests.ts';
import { createPgAudit } from './pg-audit.ts';
import { createPgUserWriter } from './pg-users.ts';
import type { UsersSchema } from './tables.ts';

/** All write ports on one client. */
export const createUsersTx = (tx: Transaction<UsersSchema>, outbox: Messaging<UsersSchema>['outbox']): UsersTx => ({
  users: createPgUserWriter(tx),
  activationRequests: createPgActivationRequests(tx),
  audit: createPgAudit(tx),
  outbox: outbox(tx),
});
