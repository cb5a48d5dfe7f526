import type { ServiceDefinition } from '@stoa/service';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { createService, type Part } from './create-service.ts';
import type { ServiceDeps } from './service-deps.ts';
import { openTestService, startTestService, type TestCaller } from './testing/index.ts';

const description = { name: 'things', title: 'Things', description: '', version: '1', errors: {} };

/** A service of one route and these parts. */
const things = (parts: readonly Part[] = []): ServiceDefinition<ServiceDeps<object, unknown>> => ({
  name: 'things',
  config: Type.Object({}),
  create: (deps) =>
    createService(deps, description, () => ({
      parts,
      routes(http) {
        const response = { 200: Type.Object({ isThere: Type.Boolean() }) };
        http.get('/v1/things', { config: { access: { permission: 'things:read' as never } }, schema: { response } }, async () => ({
          isThere: true,
        }));
        const limit = { name: 'rare', limit: 2, windowSeconds: 60 };
        http.get('/v1/rare', { config: { access: 'anyone', limit }, schema: { response } }, async () => ({ isThere: true }));
      },
    })),
});

/** Parts that write down what is done to them. */
const recorded = (seen: string[], ...names: string[]): Part[] =>
  names.map((name) => ({
    start: async () => void seen.push(`start ${name}`),
    stop: async () => void seen.push(`stop ${name}`),
  }));

test('its routes are guarded, and a caller who may is answered', async () => {
  await using service = await startTestService(things());
  expect((await service.send('GET', '/v1/things')).statusCode).toBe(401);
  expect((await service.send('GET', '/v1/things', { as: await service.person() })).statusCode).toBe(403);
  expect((await service.send('GET', '/v1/things', { as: await service.person('things:read') })).json()).toEqual({ isThere: true });
});

test('a test may set a default caller for requests that name none', async () => {
  await using service = await startTestService(things(), { as: ['things:read'] });
  expect((await service.send('GET', '/v1/things')).statusCode).toBe(200);
});

test('a route with a limit counts each caller: a person, wherever they are, or else a client IP', async () => {
  await using service = await startTestService(things());
  const ada = await service.person();
  const statuses = async (as?: TestCaller) => {
    const answers = [1, 2, 3].map(() => service.send('GET', '/v1/rare', { as }));
    return (await Promise.all(answers)).map(({ statusCode }) => statusCode).toSorted();
  };
  expect(await statuses()).toEqual([200, 200, 429]);
  expect(await statuses(ada)).toEqual([200, 200, 429]);
  expect(await statuses(await service.person())).toEqual([200, 200, 429]);
});

test('parts start in their order and stop in the reverse one, also where one cannot stop', async () => {
  const seen: string[] = [];
  const [first, second, third] = recorded(seen, '1', '2', '3') as [Part, Part, Part];
  const stuck = { ...second, stop: () => Promise.reject(new Error('stuck')) };
  await using system = await openTestService(things([first, stuck, {}, third]));
  const copy = await system.start();
  await expect(copy.service.stop()).rejects.toThrow('stuck');
  expect(seen).toEqual(['start 1', 'start 2', 'start 3', 'stop 3', 'stop 1']);
});

test('after a start that failed, what was begun is stopped and nothing else', async () => {
  const seen: string[] = [];
  const [first, last] = recorded(seen, '1', '2') as [Part, Part];
  const broken: Part = { start: () => Promise.reject(new Error('broken')), stop: async () => void seen.push('stop broken') };
  await using system = await openTestService(things([first, broken, last]));
  await expect(system.start()).rejects.toThrow('broken');
  expect(seen).toEqual(['start 1', 'stop broken', 'stop 1']);
});

test('health includes the database, the messages, and what the parts report', async () => {
  const sick: Part = { health: () => [{ name: 'sender', ok: false, detail: 'away', background: true }] };
  await using service = await startTestService(things([sick, {}]));
  expect((await service.service.health()).map(({ name, ok }) => `${name} ${ok}`)).toEqual([
    'database true',
    'relay true',
    'inbox true',
    'sender false',
  ]);
});

test('expired idempotency keys are pruned without any code in the service', async () => {
  await using service = await startTestService(things());
  const { rows } = await sql`select job, every_seconds from cron`.execute(service.database.query);
  expect(rows).toEqual([{ job: 'prune-idempotency-keys', every_seconds: 60 }]);
});
