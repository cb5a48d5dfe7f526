import { randomBytes, randomUUID } from 'node:crypto';
import { type Http, installIdempotency } from '@stoa/http';
import { thingsHttp } from '@stoa/http/testing';
import { createDatabase, type Database } from '@stoa/postgres';
import { type TestDatabase, testDatabase } from '@stoa/postgres/testing';
import { createKeys, createLog, createMetrics, fakeClock } from '@stoa/service';
import { startTcpProxy, type TcpProxy } from '@stoa/service/testing';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationSourcesOf } from '../migration-sources.ts';
import { createPgIdempotency } from './pg-idempotency.ts';

const log = createLog({ level: 'silent' });
const clock = fakeClock(new Date('2026-11-21T09:00:00Z'));
let fixture: TestDatabase<unknown>;
let network: TcpProxy;
let database: Database<unknown>;
let http: Http;
/** How many answers to a commit are still to be lost, each with its connection. */
let toLose = 0;
/** The network breaks for good with the next one. */
let isEnd = false;

beforeAll(async () => {
  fixture = await testDatabase({ sources: migrationSourcesOf({ name: 'things' }) });
  await sql`create table orders (id uuid primary key, sku text not null)`.execute(fixture.database.query);
  network = await startTcpProxy(Number(new URL(fixture.url).port), () => (chunk) => {
    if (toLose === 0 || !chunk.includes('COMMIT\0')) return chunk;
    toLose -= 1;
    if (isEnd) network.refuse();
    return 'cut';
  });
  const url = Object.assign(new URL(fixture.url), { port: `${network.port}` }).href;
  database = createDatabase({ url, name: 'orders', log, metrics: createMetrics() });
  http = await thingsHttp();
  const derive = createKeys(randomBytes(32).toString('base64'));
  installIdempotency(http, { store: createPgIdempotency(database.query), derive, clock, log });
  const body = Type.Object({ sku: Type.String({ maxLength: 20 }) }, { additionalProperties: false });
  http.post('/v1/orders', { config: { idempotent: true }, schema: { body } }, async (request, reply) => {
    const { sku } = request.body;
    const id = request.reservedResourceId ?? randomUUID();
    await database.transaction((tx) => sql`insert into orders values (${id}, ${sku}) on conflict (id) do nothing`.execute(tx));
    return reply.code(201).send({ id, sku });
  });
  await http.ready();
});
afterAll(async () => {
  await http.close();
  await database.close();
  await network.close();
  await fixture[Symbol.asyncDispose]();
});

async function order(sku: string, key: string) {
  const answer = await http.inject({ method: 'POST', url: '/v1/orders', headers: { 'idempotency-key': key }, payload: { sku } });
  return { status: answer.statusCode, body: answer.json() };
}
const orders = async (sku: string) =>
  (await sql<{ id: string }>`select id from orders where sku = ${sku}`.execute(fixture.database.query)).rows;

test('an answer to a commit that is lost makes no second resource: the repeat finds the first, and has it as its answer', async () => {
  const key = randomUUID();
  toLose = 2;
  for (let n = 0; n < 2; n += 1) expect(await order('lost', key)).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
  expect(toLose).toBe(0);
  const [made, ...more] = await orders('lost');
  expect(more).toEqual([]);
  expect(await order('another', key), 'it is the key of that request').toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  });
  expect(await order('lost', key)).toEqual({ status: 201, body: { id: made?.id, sku: 'lost' } });
  expect(await orders('lost')).toHaveLength(1);
});

test('a key whose end could not be stored, as the database was away, ends with its lease', async () => {
  const key = randomUUID();
  [toLose, isEnd] = [1, true];
  expect((await order('away', key)).status).toBe(503);
  network.heal();
  isEnd = false;
  expect((await order('away', key)).body.code).toBe('idempotency_in_progress');
  clock.advance(60_000);
  const [made] = await orders('away');
  expect(await order('away', key)).toEqual({ status: 201, body: { id: made?.id, sku: 'away' } });
  expect(await orders('away')).toHaveLength(1);
});
