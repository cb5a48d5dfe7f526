import type { Kysely, Selectable, Transaction } from 'kysely';
import type { ActivationRequests } from '../application/credential-ports.ts';
import { type ActivationRequest, REQUESTS_THAT_COUNT } from '../domain/activation.ts';
import type { UsersTables } from './tables.ts';

export const createPgActivationRequests = (tx: Transaction<UsersTables>): ActivationRequests => ({
  recent: (userId) => recentRequests(tx, userId),
  async add({ id, userId, number, requestedAt }) {
    await tx.insertInto('activation_requests').values({ id, user_id: userId, number, requested_at: requestedAt }).execute();
  },
});

export async function recentRequests(db: Kysely<UsersTables>, userId: string): Promise<readonly ActivationRequest[]> {
  const rows = await db
    .selectFrom('activation_requests')
    .select(['id', 'user_id', 'number', 'requested_at'])
    .where('user_id', '=', userId)
    .orderBy('number', 'desc')
    .limit(REQUESTS_THAT_COUNT)
    .execute();
  return rows.map(toRequest);
}

export const toRequest = (row: Selectable<UsersTables['activation_requests']>): ActivationRequest => ({
  id: row.id,
  userId: row.user_id,
  number: row.number,
  requestedAt: row.requested_at,
});
