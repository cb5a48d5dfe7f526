import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { gateway, gatewayConfig } from '@stoa/gateway';
import { createHttp, createMemoryRateLimiter, type Http } from '@stoa/http';
import { createLocalBroker } from '@stoa/messaging';
import { createDatabase } from '@stoa/postgres';
import { createKeys, createLog, createMetrics, loadConfig, type Service, systemClock } from '@stoa/service';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { inBatches } from '../../apps/server/src/log-destination.ts';

/**
 * The gateway in front of a small service that reads a page of twenty notes from PostgreSQL, twice: by one route that may be kept, and by
 * one that may not. Everything is on: limits, headers, metrics, request log.
 */
const [, , url = ''] = process.argv;
const log = createLog({ destination: inBatches('/dev/null') });
const metrics = createMetrics();
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
http.get('/v1/notes', { config: { cache: { maxAgeSeconds: 60, invalidatedBy: {} } }, schema }, read);
http.get('/v1/unkept-notes', { schema }, read);
await http.ready();

const notes = { name: 'notes', http: http as unknown as Service['http'], start: async () => {}, stop: async () => {}, health };
const { identity } = await testIdentity();
const front = await gateway.create({
  log,
  derive: createKeys(randomBytes(32).toString('base64')),
  identity,
  metrics,
  services: [notes],
  asyncApi: {},
  broker: createLocalBroker({ log }),
  limiter: createMemoryRateLimiter(systemClock),
  config: loadConfig(gatewayConfig, { PUBLIC_READS_PER_MINUTE: '1000000000' }),
});
console.log(await front.http.listen({ port: 0, host: '127.0.0.1' }));
