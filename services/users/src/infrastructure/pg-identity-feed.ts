import { createHash } from 'node:crypto';
import { HOLD_SECONDS, type IdentityAnswer, type IdentityQuestion, type IdentityState, type PublicKey } from '@stoa/auth';
import { PERMISSIONS } from '@stoa/contracts';
import { anyOf } from '@stoa/postgres';
import { type Clock, pause } from '@stoa/service';
import { type Kysely, sql } from 'kysely';
import type { IdentityFeed } from '../application/permission-ports.ts';
import { ADMIN, USER } from '../domain/role.ts';
import { cursorFor, type Heard, isBefore, readCursor } from './identity-cursor.ts';
import { publicKeys } from './pg-signing-keys.ts';
import type { UsersTables } from './tables.ts';

/** How soon a change by another copy of the service is seen; one's own is seen at once. */
const POLL_EVERY_MS = 500;

interface Row {
  readonly snapshot: string;
  readonly roles: { name: string; permissions: string[] }[];
  readonly service_accounts: { id: string; name: string; digest: string; permissions: string[]; expires_at: number | null }[];
  readonly revocations: { session_id: string | null; user_id: string | null; version: number | null; expires_at: number }[];
}

/** What the guards of all processes live on, read from the database: no more than two small statements each half second and process. */
export function createPgIdentityFeed(db: Kysely<UsersTables>, clock: Clock): IdentityFeed {
  let woken = new AbortController();

  async function read(question: IdentityQuestion): Promise<IdentityAnswer> {
    const now = clock.now();
    const heard = question.cursor === undefined ? undefined : readCursor(question.cursor);
    const [row, keys] = await Promise.all([readRow(heard, now), publicKeys(db, now)]);
    const isRestored = heard !== undefined && isBefore(readCursor(row.snapshot) as Heard, heard);
    const { snapshot, revocations } = isRestored ? await readRow(undefined, now) : row;
    const state = toState(row, keys);
    const version = createHash('sha256').update(JSON.stringify(state)).digest('base64url');
    return {
      cursor: cursorFor(question.cursor, snapshot),
      version,
      ...(version === question.version ? {} : { state }),
      revocations: revocations.map(({ session_id, user_id, version, expires_at: expiresAt }) =>
        session_id === null
          ? { kind: 'user', id: user_id as string, version: version as number, expiresAt }
          : { kind: 'session', id: session_id, expiresAt },
      ),
    };
  }

  async function readRow(heard: Heard | undefined, now: Date): Promise<Row> {
    const news = heard === undefined ? sql`expires_at > ${now}` : sql`(xid >= ${heard.xmax}::xid8 or xid = any(${heard.running}::xid8[]))`;
    const { rows } = await sql<Row>`
      select pg_current_snapshot()::text as snapshot,
        (select coalesce(json_agg(json_build_object('name', name, 'permissions', permissions) order by name), '[]') from roles) as roles,
        (select coalesce(json_agg(json_build_object('id', id, 'name', name, 'permissions', permissions,
           'digest', rtrim(translate(encode(digest, 'base64'), '+/', '-_'), '='),
           'expires_at', trunc(extract(epoch from expires_at) * 1000)) order by id), '[]') from service_accounts) as service_accounts,
        (select coalesce(json_agg(json_build_object('session_id', session_id, 'user_id', user_id, 'version', version,
           'expires_at', trunc(extract(epoch from expires_at) * 1000))), '[]') from revocations where ${news}) as revocations`.execute(db);
    return rows[0] as Row;
  }

  const waitForChange = (signal: AbortSignal) => pause(POLL_EVERY_MS, AbortSignal.any([signal, woken.signal]));

  return {
    async answer(question, signal) {
      if (question.used.length > 0) await markUsed(question.used);
      const until = performance.now() + HOLD_SECONDS * 1_000;
      for (;;) {
        const answer = await read(question);
        const hasChanges = answer.state !== undefined || answer.revocations.length > 0 || question.cursor === undefined;
        if (hasChanges || !question.wait || performance.now() >= until || signal.aborted) return answer;
        await waitForChange(signal);
      }
    },
    wake() {
      woken.abort();
      woken = new AbortController();
    },
    keys: () => publicKeys(db, clock.now()),
  };

  async function markUsed(ids: readonly string[]): Promise<void> {
    await db.updateTable('service_accounts').set({ last_used_at: clock.now() }).where('id', '=', anyOf(ids, 'uuid')).execute();
  }
}

const toState = ({ roles, service_accounts }: Row, keys: PublicKey[]): IdentityState => ({
  keys: keys as IdentityState['keys'],
  roles: {
    [USER]: [],
    ...Object.fromEntries(roles.map(({ name, permissions }) => [name, permissions])),
    [ADMIN]: [...PERMISSIONS],
  },
  serviceAccounts: service_accounts.map(({ expires_at: expiresAt, ...account }) => ({ ...account, expiresAt })),
});
