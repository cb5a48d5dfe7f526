import { CLOCK_TOLERANCE_SECONDS } from '@stoa/auth';
import { type Kysely, type RawBuilder, type Selectable, sql, type Transaction } from 'kysely';
import type { SessionStore, SessionWriter } from '../application/session-ports.ts';
import { ACCESS_TOKEN_SECONDS, type Session, type SessionEnd } from '../domain/session.ts';
import { tokenLifeFrom } from './pg-revocations.ts';
import { COLUMNS, toUser } from './pg-users.ts';
import type { UsersTables } from './tables.ts';

/** How many excess sessions of an account one log-in ends: a fraction of a second. */
const MOST_ENDED_AT_A_TIME = 20_000;
/** How many of the account's newest sessions decide whether a device is known. */
const DEVICES_REMEMBERED = 1_000;

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

export function createPgSessionStore(db: Kysely<UsersTables>): SessionStore {
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

const ALL: RawBuilder<unknown> = sql``;

/** @param onRevoked called when access tokens were revoked. */
export function createPgSessionWriter(tx: Transaction<UsersTables>, onRevoked: () => void): SessionWriter {
  /** One statement, however many they are. A session that has just ended by itself still has live access tokens: it counts. */
  const end = async (userId: string, reason: SessionEnd, now: Date, which = ALL) => {
    const tokensLiveAfter = new Date(now.getTime() - (ACCESS_TOKEN_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1_000);
    const { numAffectedRows: ended = 0n } = await sql`
      with ended as (
        update sessions set ended_at = ${now}, end_reason = ${reason}
        where ended_at is null and id = any(array(
          select id from sessions
          where user_id = ${userId} and ended_at is null and idle_expires_at > ${tokensLiveAfter} ${which}))
        returning id
      )
      insert into revocations (session_id, expires_at) select id, ${tokenLifeFrom(now)} from ended`.execute(tx);
    if (ended > 0n) onRevoked();
    return Number(ended);
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
          address: session.clientIp,
          device: session.device,
        })
        .execute();
    },
    async end(id, userId, reason, now) {
      return (await end(userId, reason, now, sql`and id = ${id}`)) === 1;
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
    endAll: (userId, reason, now, { except } = {}) => end(userId, reason, now, except === undefined ? ALL : sql`and id <> ${except}`),
    endOldest: (userId, reason, now, keep) =>
      end(userId, reason, now, sql`order by idle_expires_at > ${now} desc, id desc offset ${keep} limit ${MOST_ENDED_AT_A_TIME}`),
    async knowsDevice(userId, device) {
      const { rows } = await sql<{ any: boolean; same: boolean | null }>`
        select count(*) > 0 as any, bool_or(device = ${device}) as same
        from (select device from sessions where user_id = ${userId} order by id desc limit ${DEVICES_REMEMBERED}) as newest`.execute(tx);
      return rows[0]?.any === true ? rows[0].same === true : undefined;
    },
  };
}

const toSession = (
  row: Selectable<
    Pick<
      UsersTables['sessions'],
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
  clientIp: row.address,
  device: row.device,
});

/** Removes up to `limit` sessions that were over before `before`. @returns how many. */
export async function removeOldSessions(tx: Transaction<UsersTables>, before: Date, limit: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('sessions')
    .where('id', 'in', (db) =>
      db
        .selectFrom('sessions')
        .select('id')
        .where('idle_expires_at', '<', before)
        .orderBy('idle_expires_at')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
