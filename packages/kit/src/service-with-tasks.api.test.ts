import type { ServiceDefinition } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { type Outcome, task } from '@stoa/tasks';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { createService } from './create-service.ts';
import { DEAD_LETTERS_PATH } from './dead-letters/dead-letter-routes.ts';
import type { ServiceDeps } from './service-deps.ts';
import { startTestService } from './testing/index.ts';

const description = { name: 'parcels', title: 'Parcels', description: '', version: '1', errors: {} };
const Id = Type.Object({ id: Type.String() }, { additionalProperties: false });

/** A service whose one request has a call made to the outside. */
const parcels = (call: () => Promise<Outcome<unknown>>, { isForgotten = false } = {}): ServiceDefinition<ServiceDeps<object, unknown>> => ({
  name: description.name,
  config: Type.Object({}),
  create: (deps) =>
    createService(deps, description, (context) => {
      const send = task<unknown, typeof Id>({ name: 'send-parcel', data: Id, destination: 'carrier', run: call });
      return {
        tasks: isForgotten ? [] : [send],
        routes(http, { runNow }) {
          http.post('/v1/parcels', { config: { access: 'anyone' }, schema: { body: Id, response: { 200: Id } } }, async ({ body }) => {
            const id = await context.database.transaction((tx) => context.tasks(tx).enqueue(send, body));
            return { id };
          });
          http.post('/v1/parcels-now', { config: { access: 'anyone' }, schema: { body: Id, response: { 200: Id } } }, async ({ body }) => {
            const runAt = new Date(context.clock.now().getTime() + 60_000);
            const id = await context.database.transaction((tx) => context.tasks(tx).enqueue(send, body, { runAt }));
            return { id: (await runNow(id, 10_000))?.status ?? 'not in time' };
          });
        },
      };
    }),
});

test('a request may wait for the task that it has enqueued, and answers with its outcome', async () => {
  await using service = await startTestService(parcels(async () => ({ status: 'done' })));
  expect((await service.send('POST', '/v1/parcels-now', { body: { id: 'p1' } })).json()).toEqual({ id: 'done' });
});

test('a kind of task that the service does not declare is not enqueued, as nothing would run it', async () => {
  await using service = await startTestService(parcels(async () => ({ status: 'done' }), { isForgotten: true }));
  expect((await service.send('POST', '/v1/parcels', { body: { id: 'p1' } })).statusCode).toBe(500);
  expect(JSON.stringify(service.logged)).toContain('the task send-parcel is not among the tasks of the service');
});

test('a request enqueues a task on its transaction, and the service runs it', async () => {
  let calls = 0;
  await using service = await startTestService(
    parcels(async () => {
      calls += 1;
      return { status: 'done' };
    }),
  );
  expect((await service.send('POST', '/v1/parcels', { body: { id: 'p1' } })).statusCode).toBe(200);
  await eventually(() => expect(calls).toBe(1));
  expect((await service.service.health()).at(-1)).toEqual({ name: 'tasks', background: true, ok: true });
});

test('a dead task is listed, shown and replayed by the routes of all dead letters', async () => {
  let isRefused = true;
  await using service = await startTestService(
    parcels(async () => (isRefused ? { status: 'permanent', reason: 'no such street' } : { status: 'done' })),
  );
  const as = service.otherService('gateway');
  const letters = async (query = '') => (await service.send('GET', `${DEAD_LETTERS_PATH}?limit=20${query}`, { as })).json().items;
  await service.send('POST', '/v1/parcels', { body: { id: 'p1' } });
  await eventually(async () => expect(await letters()).toHaveLength(1));
  const [letter] = await letters('&box=tasks&consumer=task:send-parcel');
  expect(letter).toMatchObject({ box: 'tasks', type: 'send-parcel', key: 'carrier', reason: 'no such street', attempts: 1 });
  expect((await service.send('GET', `${DEAD_LETTERS_PATH}/${letter.id}`, { as })).json()).toMatchObject({ data: { id: 'p1' } });
  isRefused = false;
  expect((await service.send('POST', `${DEAD_LETTERS_PATH}/${letter.id}/replay`, { as, body: { by: 'user:ada' } })).json()).toEqual({
    replayed: 1,
  });
  await eventually(async () => expect(await letters()).toEqual([]));
});
