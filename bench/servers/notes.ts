import { createHttp, type Http } from '@stoa/http';
import { createDatabase } from '@stoa/postgres';
import type { Logger, Metrics } from '@stoa/service';
import { sql } from 'kysely';
import { Type } from 'typebox';

/** A small service that reads a page of twenty notes from PostgreSQL, twice: by one route that may be kept, and by one that may not. */
export async function createNotes({ url, log, metrics }: { readonly url: string; readonly log: Logger; readonly metrics: Metrics }) {
  const health = async () => [];
  const database = createDatabase<unknown>({ url, name: 'notes', log, metrics });
  await sql`create table if not exists notes (id integer primary key, title text not null, body text not null)`.execute(database.query);
  await sql`insert into notes select n, 'note ' || n, repeat('word ', 20) from generate_series(1, 20) as n on conflict do nothing`.execute(
    database.query,
  );
  const http: Http = await createHttp({ name: 'notes', title: 'Notes', description: '', version: '1', log, metrics, errors: {}, health });
  const Note = Type.Object({ id: Type.Integer(), title: Type.String(), body: Type.String() });
  const schema = { response: { 200: Type.Object({ items: Type.Array(Note) }) } };
  const read = async () => {
    const { rows } = await sql<{ id: number; title: string; body: string }>`select id, title, body from notes order by id limit 20`.execute(
      database.query,
    );
    return { items: rows };
  };
  return {
    http,
    health,
    /** Adds the routes; call it after the hooks that apply to them are installed. */
    declareRoutes(): void {
      http.get('/v1/notes', { config: { access: 'anyone', cache: { maxAgeSeconds: 60, invalidatedBy: {} } }, schema }, read);
      http.get('/v1/unkept-notes', { config: { access: 'anyone' }, schema }, read);
    },
  };
}
