import { CLOCK_TOLERANCE_SECONDS } from '@stoa/auth';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { SessionStore, SessionWriter } from '../application/session-ports.ts';
import { ACCESS_TOKEN_SECONDS, type Session, type SessionEnd } from '../domain/session.ts';
import { tokenLifeFrom } from './pg-revocations.ts';
import { COLUMNS, toUser } from './pg-users.ts';
import type { UsersSchema } from './tables.ts';

const SESSION_COLUMNS = [
  'sessions.id',
  'sessions.user_id',
  'sessions.generation',
  'sessions.created_at',
  'sessions.refreshed_at',
  'sessions.idle_expires_at',
  'sessions.expires_at',
  'sessions.ended_at',
  'sessions.address',
  'sessions.device',
] as const;

export function createPgSessionStore(db: Kysely<UsersSchema>): SessionStore {
  return {
    async rotate({ sessionId, digest, generation, successor }, now, idleMs) {
      const idleUntil = new Date(now.getTime() + idleMs);
      const row = await db
        .updateTable('sessions')
        .from('users')
        .set(({ ref, fn, val }) => ({
          generation: generation + 1,
          digest: successor.digest,
          previous_digest: ref('sessions.digest'),
          refreshed_at: now,
          idle_expires_at: fn<Date>('least', [val(idleUntil), ref('sessions.expires_at')]),
        }))
        .where('sessions.id', '=', sessionId)
        .where('sessions.digest', '=', digest)
        .where('sessions.ended_at', 'is', null)
        .where('sessions.idle_expires_at', '>', now)
        .where('sessions.expires_at', '>', now)
        .whereRef('users.id', '=', 'sessions.user_id')
        .where('users.status', '=', 'active')
        .returning(COLUMNS)
        .executeTakeFirst();
      return row && toUser(row);
    },
    async find(id) {
      const session = await db
        .selectFrom('sessions')
        .select([...SESSION_COLUMNS, 'previous_digest'])
        .where('id', '=', id)
        .executeTakeFirst();
      const user = session && (await db.selectFrom('users').select(COLUMNS).where('id', '=', session.user_id).executeTakeFirst());
      if (session === undefined || user === undefined) return undefined;
      return { session: toSession(session), user: toUser(user), previousDigest: session.previous_digest };
    },
    async liveOf(userId, now, { limit, after }) {
      const rows = await db
        .selectFrom('sessions')
        .select(SESSION_COLUMNS)
        .where('user_id', '=', userId)
        .where('ended_at', 'is', null)
        .where('idle_expires_at', '>', now)
        .$if(after !== undefined, (sessions) => sessions.where('id', '<', after as string))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(toSession);
    },
  };
}

/** @param onRevoked told when access tokens were revoked. */
export function createPgSessionWriter(tx: Transaction<UsersSchema>, onRevoked: () => void): SessionWriter {
  const end = async (userId: string, reason: SessionEnd, now: Date, which: { id?: string; except?: string | undefined }) => {
    let live = tx
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: reason })
      .where('user_id', '=', userId)
      .where('ended_at', 'is', null)
      // One that has just ended by itself has access tokens yet.
      .where('idle_expires_at', '>', new Date(now.getTime() - (ACCESS_TOKEN_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1_000));
    if (which.id !== undefined) live = live.where('id', '=', which.id);
    if (which.except !== undefined) live = live.where('id', '<>', which.except);
    const ended = await live.returning('id').execute();
    if (ended.length === 0) return 0;
    const rows = ended.map(({ id }) => ({ session_id: id, user_id: null, version: null, expires_at: tokenLifeFrom(now) }));
    await tx.insertInto('revocations').values(rows).execute();
    onRevoked();
    return ended.length;
  };

  return {
    async insert(session, refreshDigest) {
      await tx
        .insertInto('sessions')
        .values({
          id: session.id,
          user_id: session.userId,
          generation: session.generation,
          digest: refreshDigest,
          previous_digest: null,
          created_at: session.createdAt,
          refreshed_at: session.refreshedAt,
          idle_expires_at: session.idleExpiresAt,
          expires_at: session.expiresAt,
          ended_at: session.endedAt,
          end_reason: null,
          address: session.address,
          device: session.device,
        })
        .execute();
    },
    async end(id, userId, reason, now) {
      return (await end(userId, reason, now, { id })) === 1;
    },
    async lockLive(id, userId, now) {
      const live = await tx
        .selectFrom('sessions')
        .select('id')
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .where('ended_at', 'is', null)
        .where('idle_expires_at', '>', now)
        .forUpdate()
        .executeTakeFirst();
      return live !== undefined;
    },
    endAll: (userId, reason, now, { except } = {}) => end(userId, reason, now, { except }),
    async knowsDevice(userId, device) {
      const { before, same } = await tx
        .selectFrom('sessions')
        .select(({ fn, ref }) => [
          fn.count<string>('id').as('before'),
          fn.count<string>('id').filterWhere(ref('device'), '=', device).as('same'),
        ])
        .where('user_id', '=', userId)
        .executeTakeFirstOrThrow();
      return Number(before) === 0 ? undefined : Number(same) > 0;
    },
  };
}

const toSession = (
  row: Selectable<
    Pick<
      UsersSchema['sessions'],
      'id' | 'user_id' | 'generation' | 'created_at' | 'refreshed_at' | 'idle_expires_at' | 'expires_at' | 'ended_at' | 'address' | 'device'
    >
  >,
): Session => ({
  id: row.id,
  userId: row.user_id,
  generation: row.generation,
  createdAt: row.created_at,
  refreshedAt: row.refreshed_at,
  idleExpiresAt: row.idle_expires_at,
  expiresAt: row.expires_at,
  endedAt: row.ended_at,
  address: row.address,
  device: row.device,
});

/** Removes up to `limit` sessions that were over before `before`. */
export async function removeOldSessions(tx: Transaction<UsersSchema>, before: Date, limit: number): Promise<void> {
  await tx
    .deleteFrom('sessions')
    .where('id', 'in', (db) =>
      db.selectFrom('sessions').select('id').where('idle_expires_at', '<', before).orderBy('idle_expires_at').limit(limit),
    )
    .execute();
}
