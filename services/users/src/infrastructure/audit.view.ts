import type { Kysely } from 'kysely';
import type { AuditLog } from '../application/audit-log.ts';
import type { UsersTables } from './tables.ts';

/**
 * The audit log by the index of the first filter that is there, newest first. Ids are UUIDv7 of the time of their entry, so a time
 * is a place in the order of the ids.
 */
export const createPgAuditLog = (db: Kysely<UsersTables>): AuditLog => ({
  async list({ actor, action, subject, from, to }, { limit, after }) {
    let query = db
      .selectFrom('audit')
      .select(['id', 'at', 'action', 'actor', 'subject', 'address', 'correlation_id', 'details'])
      .orderBy('id', 'desc')
      .limit(limit);
    if (subject !== undefined) query = query.where('subject', '=', subject);
    if (actor !== undefined) query = query.where('actor', '=', actor);
    if (action !== undefined) query = query.where('action', '=', action);
    if (from !== undefined) query = query.where('id', '>=', firstIdOf(from));
    if (to !== undefined) query = query.where('id', '<', firstIdOf(to));
    if (after !== undefined) query = query.where('id', '<', after);
    const rows = await query.execute();
    return rows.map(({ correlation_id: correlationId, address: clientIp, ...row }) => ({ ...row, clientIp, correlationId }));
  },
});

/** Below every id of that millisecond, above all of the ones before. */
function firstIdOf(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
