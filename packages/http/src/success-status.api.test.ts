import { defineErrors } from '@stoa/service';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Answer, type Http, NoBody, problems } from './index.ts';
import { thingsHttp } from './testing/things.ts';

const errors = defineErrors({ thing_taken: { kind: 'conflict', title: 'Taken.', cause: 'c', fix: 'f' } });
const Thing = Type.Object({ id: Type.String() });
let http: Http;
let deleted = 0;
beforeAll(async () => {
  http = await thingsHttp(errors.catalogue);
  http.get('/v1/things', { schema: { response: { 200: Answer('All.', Thing) } } }, async () => ({ id: 'a' }));
  const created = { 201: Answer('Made.', Thing, 'Location'), ...problems(errors, 'thing_taken') };
  http.post('/v1/things', { schema: { response: created } }, async (_request, reply) => {
    void reply.header('location', '/v1/things/a');
    return { id: 'a' };
  });
  http.post('/v1/taken', { schema: { response: created } }, async () => {
    throw errors.thing_taken();
  });
  http.post('/v1/broken', { schema: { response: created } }, async () => {
    throw new Error('a bug');
  });
  http.delete('/v1/things', { schema: { response: { 204: NoBody('Gone.') } } }, async () => {
    deleted += 1;
  });
  http.post('/v1/mails', { schema: { response: { 202: NoBody('Soon.') } } }, async () => {});
  http.put('/v1/things', { schema: { response: { 202: Thing, 201: Thing } } }, async ({ headers }, reply) => {
    if (headers['x-is-late']) void reply.code(202);
    return { id: 'a' };
  });
  http.post('/v1/streams', { schema: { response: { 202: Thing } } }, (_request, reply) => void reply.send({ id: 'later' }));
  await http.ready();
});
afterAll(() => http.close());

const send = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD', url: string, headers = {}) => {
  const answer = await http.inject({ method, url, headers });
  return [answer.statusCode, answer.body === '' ? '' : (answer.json().id ?? answer.json().code)];
};

describe('what a handler returns is sent', () => {
  test('with the status of success that its route declares', async () => {
    expect(await send('POST', '/v1/things')).toEqual([201, 'a']);
    expect(await send('GET', '/v1/things')).toEqual([200, 'a']);
    expect(await send('HEAD', '/v1/things')).toEqual([200, '']);
  });

  test('without a body, once the handler is done, where none is declared', async () => {
    expect(await send('DELETE', '/v1/things')).toEqual([204, '']);
    expect(deleted).toBe(1);
    expect(await send('POST', '/v1/mails')).toEqual([202, '']);
  });

  test('also by a handler that answers by itself', async () => {
    expect(await send('POST', '/v1/streams')).toEqual([202, 'later']);
  });
});

test('an error has its own status', async () => {
  expect(await send('POST', '/v1/taken')).toEqual([409, 'thing_taken']);
  expect(await send('POST', '/v1/broken')).toEqual([500, 'internal_error']);
});

test('of several that are declared it is the lowest, or the one that the handler sets', async () => {
  expect(await send('PUT', '/v1/things')).toEqual([201, 'a']);
  expect(await send('PUT', '/v1/things', { 'x-is-late': '1' })).toEqual([202, 'a']);
});
