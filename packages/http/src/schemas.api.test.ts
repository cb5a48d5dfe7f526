import { named } from '@stoa/service';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Http, IdParams, Nullable, Nullish, openApiOf, StrictObject, Text, Timestamp } from './index.ts';
import { thingsHttp } from './testing/things.ts';

const Owner = named('Owner', Type.Object({ name: Nullable(Type.String(), { description: 'Null where there is none.' }) }));
const Thing = Type.Object({
  madeAt: Timestamp({ description: 'When it was made.' }),
  soldAt: Nullable(Timestamp()),
  owner: Nullable(Owner),
});
const Change = StrictObject({ name: Nullish(Text({ maxLength: 5, description: 'Null takes it away.' })) });
const at = new Date('2026-11-21T09:00:00.120Z');

let http: Http;
let changes: unknown[] = [];
beforeAll(async () => {
  http = await thingsHttp();
  const schema = { params: IdParams(), response: { 200: Thing } };
  const sold = { madeAt: at, soldAt: at, secret: 'not declared', owner: { name: 'Ada', secret: 'not declared' } };
  http.get('/v1/sold/:id', { schema }, async () => sold);
  http.get('/v1/kept/:id', { schema }, async () => ({ madeAt: at, soldAt: null, owner: null }));
  http.get('/v1/lent/:id', { schema: { ...schema, params: IdParams(Type.Integer()) } }, async ({ params }) => ({
    madeAt: new Date(params.id),
    soldAt: null,
    owner: { name: null },
  }));
  http.patch('/v1/things', { schema: { body: Change, response: { 200: Type.Object({}) } } }, async ({ body }) => {
    changes.push(body);
    return {};
  });
  await http.ready();
});
afterAll(() => http.close());

const id = '0199d3a0-0000-7000-8000-000000000001';
const get = async (url: string) => (await http.inject(url)).json();

describe('an answer', () => {
  test('shows times in UTC with milliseconds, of what its schema names alone', async () => {
    const time = '2026-11-21T09:00:00.120Z';
    expect(await get(`/v1/sold/${id}`)).toEqual({ madeAt: time, soldAt: time, owner: { name: 'Ada' } });
  });

  test('shows null for a time, an object and a text that are not there', async () => {
    expect(await get(`/v1/kept/${id}`)).toMatchObject({ soldAt: null, owner: null });
    expect(await get('/v1/lent/5')).toEqual({ madeAt: '1970-01-01T00:00:00.005Z', soldAt: null, owner: { name: null } });
  });
});

describe('the id of a path', () => {
  test('is a UUID, unless it is declared to be something else', async () => {
    expect(await get('/v1/kept/5')).toMatchObject({ status: 400, errors: [{ path: '/path/id' }] });
    expect(await get(`/v1/lent/${id}`)).toMatchObject({ status: 400, errors: [{ path: '/path/id' }] });
  });
});

describe('a field that may be left out or be null', () => {
  const patch = async (body: object) => {
    changes = [];
    const answer = await http.inject({ method: 'PATCH', url: '/v1/things', payload: body });
    return { status: answer.statusCode, errors: answer.json().errors, changes };
  };

  test.for([{}, { name: null }, { name: 'Ada' }])('takes %j as it is', async (body) => {
    expect(await patch(body)).toMatchObject({ status: 200, changes: [body] });
  });

  test.for([{ name: 'Ada Lovelace' }, { name: 5 }, { name: 'A\nd' }])('is refused once where it is wrong: %j', async (body) => {
    const { status, errors } = await patch(body);
    expect([status, errors.map(({ path }: { path: string }) => path)]).toEqual([400, ['/name']]);
  });

  test('stands among no others', async () => {
    expect((await patch({ nmae: 'Ada' })).errors).toEqual([{ path: '/nmae', message: 'is not known here' }]);
  });
});

test('the description says what each of them is', () => {
  const { paths, components } = openApiOf(http);
  expect(components?.['schemas']?.['Owner']).toMatchObject({
    properties: { name: { type: ['string', 'null'], description: 'Null where there is none.' } },
  });
  expect(paths?.['/v1/things']?.['patch']).toMatchObject({
    requestBody: {
      content: {
        'application/json': {
          schema: {
            additionalProperties: false,
            properties: { name: { type: ['string', 'null'], maxLength: 5, description: 'Null takes it away.' } },
          },
        },
      },
    },
  });
  expect(paths?.['/v1/kept/{id}']?.['get']).toMatchObject({
    parameters: [{ in: 'path', name: 'id', required: true, schema: { type: 'string', format: 'uuid' } }],
    responses: {
      200: {
        content: {
          'application/json': {
            schema: { properties: { madeAt: { type: 'string', format: 'date-time', description: 'When it was made.' } } },
          },
        },
      },
    },
  });
});

test('a body schema that admits unknown properties keeps the service from starting', async () => {
  const other = await thingsHttp();
  const body = Type.Object({ name: Type.String() });
  expect(() => other.post('/v1/things', { schema: { body } }, async () => ({}))).toThrow('StrictObject');
  await other.close();
});
