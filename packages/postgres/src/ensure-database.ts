import pg from 'pg';
import { connectOnce } from './connect-once.ts';

export interface EnsureDatabaseOptions {
  /** A role that may create roles and databases. */
  readonly adminUrl: string;
  readonly database: string;
  /** Owns the database; made, or given this password, as needed. */
  readonly role: string;
  readonly password: string;
}

const DUPLICATE = new Set(['42710', '42P04', '23505']);

/**
 * Makes sure that the role and its database are there; nothing is ever removed. Safe with several starters at once.
 * @returns the URL by which the role reaches its database.
 */
export async function ensureDatabase({ adminUrl, database, role, password }: EnsureDatabaseOptions): Promise<string> {
  const [roleName, databaseName] = [pg.escapeIdentifier(role), pg.escapeIdentifier(database)];
  const client = await connectOnce(adminUrl, 'stoa ensure database');
  try {
    await client.query(`select pg_advisory_lock(hashtextextended('stoa ensure database', 0))`);
    await unlessThere(client, 'select from pg_roles where rolname = $1', role, `create role ${roleName}`);
    await client.query(`alter role ${roleName} login password ${pg.escapeLiteral(password)}`);
    // Only members of a role may make it an owner: a superuser counts as one, others need the grant.
    const { rows } = await client.query<{ rolsuper: boolean }>('select rolsuper from pg_roles where rolname = current_user');
    if (rows[0]?.rolsuper !== true) await client.query(`grant ${roleName} to current_user`);
    await unlessThere(client, 'select from pg_database where datname = $1', database, `create database ${databaseName} owner ${roleName}`);
    await client.query(`revoke connect on database ${databaseName} from public`);
  } finally {
    await client.end();
  }
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(role);
  url.password = encodeURIComponent(password);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** Starters that came through different databases of the server do not see each other's lock: losing that race is fine too. */
async function unlessThere(client: pg.Client, look: string, name: string, create: string): Promise<void> {
  if ((await client.query(look, [name])).rowCount !== 0) return;
  await client.query(create).catch((error: unknown) => {
    if (!(error instanceof pg.DatabaseError && DUPLICATE.has(error.code ?? ''))) throw error;
  });
}
